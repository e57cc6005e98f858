"""Turns at what takes long: those beyond the few that wait are told at once, so that threads are left for others."""

from __future__ import annotations

import threading

import pytest
from starlette.testclient import TestClient

from ig_tasks.web.latest_cache import LatestCache
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


@pytest.mark.parametrize(
    ("place", "address", "again"),
    [
        ("ig_tasks.web.query_engine._TURNS", "/flights/2013-01-a/rows", "5"),
        ("ig_tasks.web.pages.downloads._ROW_TURNS", "/flights/2013-01-a/download/rows.csv", "30"),
        ("ig_tasks.web.pages.downloads._ROW_TURNS", "/flights/2013-01-a/download/rows.parquet", "30"),
        ("ig_tasks.web.query_engine._TURNS", "/flights/2013-01-a/download/rows.csv", "5"),
        ("ig_tasks.web.charts._TURNS", "/flights?picture=0", "5"),
    ],
)
def test_whom_there_is_no_turn_for_is_told_when_to_ask_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, place: str, address: str, again: str
) -> None:
    assert client.get(address).status_code == 200
    monkeypatch.setattr("ig_tasks.web.charts._svgs", LatestCache(1))
    monkeypatch.setattr(place, Turns(at_once=0, waiting=0))
    answer = client.get(address)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == again
    assert "at this moment. Try again" in answer.text
    monkeypatch.undo()
    assert client.get(address).status_code == 200


def test_a_page_is_shown_without_what_there_was_no_turn_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ig_tasks.web.query_engine._TURNS", Turns(at_once=0, waiting=0))
    monkeypatch.setattr("ig_tasks.web.pages.feature._rows", LatestCache(1))
    answer = client.get("/flights/2013-01-a/features/dep_delay")
    assert answer.status_code == 200
    assert "Many people ask for rows at this moment" in answer.text


def test_a_picture_is_drawn_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ig_tasks.charts import Chart

    drawn: list[bool] = []
    svg = Chart.svg

    def counted(self: Chart, *, dark: bool = False) -> str:
        drawn.append(dark)
        return svg(self, dark=dark)

    monkeypatch.setattr(Chart, "svg", counted)
    monkeypatch.setattr("ig_tasks.web.charts._svgs", LatestCache(4))
    pictures = [client.get(f"/flights?picture={which}").text for which in ("0", "0", "0d", "1", "0")]
    assert drawn == [False, True, False]
    assert pictures[0] == pictures[1] == pictures[4]
    assert len(set(pictures)) == 3


def test_all_that_may_wait_leaves_threads_for_others() -> None:
    """Threads of requests are forty, Airflow's own among them."""
    from ig_tasks.web import charts, query_engine
    from ig_tasks.web.pages import downloads

    turns = (query_engine._TURNS, charts._TURNS, downloads._PDF_TURNS, downloads._ROW_TURNS)
    assert sum(held._places._initial_value for held in turns) <= 30  # type: ignore[attr-defined]
