"""Progress: honest shares, a rate of this attempt alone, few lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ig_tasks.cluster.progress import Progress, duration


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_says_share_rows_rate_and_time_left(clock: Clock) -> None:
    lines: list[str] = []
    progress = Progress(327_346, "compute_attributions", lines.append, clock=clock)
    clock.now += 4.0
    progress.advance(137_000)
    assert lines == ["compute_attributions  41 %  137,000 of 327,346 rows  34,250 rows/s  6 s left"]


def test_rows_of_an_earlier_attempt_are_done_but_not_in_the_rate(clock: Clock) -> None:
    progress = Progress(1000, "work", lambda line: None, done=600, clock=clock)
    clock.now += 2.0
    progress.advance(200)
    assert progress.rate == 100.0
    assert progress.line() == "work  80 %  800 of 1,000 rows  100 rows/s  2 s left"


def test_lines_are_rare_but_the_first_and_the_last_are_there(clock: Clock) -> None:
    lines: list[str] = []
    progress = Progress(100, "work", lines.append, every=5.0, clock=clock)
    for _ in range(100):
        clock.now += 0.125
        progress.advance(1)
    assert [line.split("  ")[1] for line in lines] == ["1 %", "41 %", "81 %", "100 %"]
    assert lines[-1] == "work  100 %  100 of 100 rows  8 rows/s  took 12 s"


def test_the_last_line_is_written_once(clock: Clock) -> None:
    lines: list[str] = []
    progress = Progress(10, "work", lines.append, clock=clock)
    progress.advance(10)
    progress.advance(0)
    progress.close()
    assert len(lines) == 1


def test_a_job_that_waits_says_that_it_lives(clock: Clock) -> None:
    lines: list[str] = []
    progress = Progress(10, "work", lines.append, every=5.0, clock=clock)
    progress.advance(0)
    clock.now += 4.9
    progress.advance(0)
    assert lines == ["work  0 %  0 of 10 rows"]
    clock.now += 0.2
    progress.advance(0)
    assert lines[1:] == ["work  waiting for the first rows, 5 s so far"]


def test_a_job_that_waits_says_so_ever_more_rarely_and_no_share_twice(clock: Clock) -> None:
    lines: list[str] = []
    progress = Progress(10, "work", lines.append, every=5.0, clock=clock)
    for _ in range(200):
        progress.advance(0)
        clock.now += 1.0
    assert [line.rpartition(", ")[2] for line in lines[1:]] == [
        f"{duration(seconds)} so far" for seconds in (5, 15, 35, 75, 135, 195)
    ]
    assert sum("0 %" in line for line in lines) == 1
    progress.advance(4)
    progress.advance(0)
    clock.now += 5.0
    progress.advance(0)
    assert lines[-2:] == [
        "work  40 %  4 of 10 rows  0.02 rows/s  5 min left",
        "work  waiting for more rows than 4, 5 s so far",
    ]


def test_a_hundred_per_cent_means_that_all_is_done(clock: Clock) -> None:
    progress = Progress(1000, "work", lambda line: None, clock=clock)
    progress.advance(999)
    assert "  99 %  " in progress.line()


def test_no_rows_at_all_is_done(clock: Clock) -> None:
    assert Progress(0, "work", lambda line: None, clock=clock).line() == "work  100 %  0 of 0 rows  took 0 s"


def test_slow_work_keeps_two_digits(clock: Clock) -> None:
    progress = Progress(100, "work", lambda line: None, clock=clock)
    clock.now += 80.0
    progress.advance(10)
    assert "0.12 rows/s  12 min left" in progress.line()


def test_a_bar_on_a_terminal(clock: Clock) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Progress(100, "[red]work[/red]", console=screen, clock=clock) as progress:
        clock.now += 1.0
        progress.advance(100)
    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "100 of 100 rows" in shown
    assert "100 rows/s" in shown
    assert "[red]work[/red]" in shown  # a name is text, never markup


def test_lines_on_standard_error_elsewhere(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    with Progress(10, "work", clock=clock) as progress:
        progress.advance(10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "work  100 %  10 of 10 rows  took 0 s\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h 0 min"), (11_220, "3 h 7 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
