"""Turns at what takes long: those beyond the few that wait are told at once, so that threads are left for others."""

from __future__ import annotations

import threading

import pytest

from ig_tasks.web.turns import Turns


def test_where_no_more_may_wait_one_is_told_at_once() -> None:
    turns = Turns(at_once=2, waiting=0)
    with turns.taken(0.0) as first, turns.taken(0.0) as second, turns.taken(600.0) as third:  # it would wait for ever
        assert (first, second, third) == (True, True, False)


def test_who_waits_has_the_next_turn() -> None:
    turns, found = Turns(at_once=1, waiting=1), []

    def wait() -> None:
        with turns.taken(600.0) as taken:
            found.append(taken)

    with turns.taken(0.0):
        waiting = threading.Thread(target=wait)
        waiting.start()
    waiting.join()
    assert found == [True]


def test_a_turn_is_given_back_whatever_becomes_of_it() -> None:
    turns = Turns(at_once=1, waiting=0)
    with pytest.raises(ValueError, match="broke"), turns.taken(0.0):
        raise ValueError("broke")
    with turns.taken(0.0) as taken:
        assert taken


def test_who_waited_too_long_leaves_the_line() -> None:
    turns = Turns(at_once=1, waiting=1)
    with turns.taken(0.0):
        for _ in range(3):
            with turns.taken(0.0) as taken:
                assert not taken
    with turns.taken(0.0) as taken:
        assert taken
