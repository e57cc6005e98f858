"""How long a task may take."""

from __future__ import annotations

from ig_tasks.cluster.pace import FIRST_SECONDS, LEAST_SECONDS, Pace


def test_seconds_that_are_given_hold_from_the_beginning() -> None:
    pace = Pace(7.5, 100)
    pace.note(1000.0, 10)
    assert pace.limit(10) == 7.5


def test_a_task_of_several_shards_has_the_seconds_of_each() -> None:
    pace = Pace(7.5, 100)
    assert pace.limit(100) == 7.5
    assert pace.limit(101) == 15.0
    assert pace.limit(1600) == 16 * 7.5


def test_without_them_the_slowest_so_far_says_what_is_slow() -> None:
    pace = Pace("auto", 100)
    assert pace.limit(100) == FIRST_SECONDS
    pace.note(2.0, 100)
    assert pace.limit(100) == LEAST_SECONDS
    pace.note(100.0, 100)
    pace.note(50.0, 100)
    assert pace.limit(100) == 30 * 100.0
    assert pace.limit(10) == 30 * 100.0
    assert pace.limit(200) == 30 * 200.0
