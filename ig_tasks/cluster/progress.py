"""How far a job is: lines for a log, or a bar on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Progress", "duration", "unsaid"]


_LONGEST = 12
"""Times the usual pause between two lines: the longest while nothing moves."""


class Progress:
    """Counts rows and says how many are done, how fast, and how long the rest will take.

    total_rows: rows of the whole job
    label:      what is being done, the first word of each line
    log:        takes a line at a time, at most one every `every` seconds beside the first and the last;
                None: a bar where standard error is a terminal, lines on standard error elsewhere
    done:       rows that an earlier attempt finished: counted as done, not in the rate

    Use it in a `with` block: a bar must be taken off the terminal also when the job fails.
    """

    def __init__(
        self,
        total_rows: int,
        label: str,
        log: Callable[[str], None] | None = None,
        console: Console | None = None,
        *,
        done: int = 0,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total_rows = total_rows
        self.label = label
        self.done = done
        self._earlier = done
        self._every = every
        self._clock = clock
        self._began = clock()
        self._last_line: float | None = None
        self._last_done = -1
        self._last_moved = self._began
        self._pause = every
        self._log = log
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        if log is None:
            self._open_bar(console)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def advance(self, rows: int) -> None:
        """`rows` more rows are done. 0 says that the job lives."""
        self.done += rows
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self.done, rate=self._rate_text(), left=self._left_text())
            return
        now = self._clock()
        moved = self.done != self._last_done
        pause = self._every if moved else self._pause
        due = self._last_line is None or now - self._last_line >= pause
        if (due or self.done >= self.total_rows) and (moved or (rows == 0 and due)):
            # A job that waits says so ever more rarely.
            self._pause = self._every if moved else min(2 * self._pause, _LONGEST * self._every)
            self._last_line, self._last_done = now, self.done
            self._last_moved = now if moved else self._last_moved
            self._write(self.line() if moved else self._waiting_line(now))

    def note(self, line: str) -> None:
        """Say something beside the progress."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._write(line)

    def close(self) -> None:
        """Take the bar off the terminal's live display. May be called again."""
        if self._bar is not None:
            self._bar.stop()

    @property
    def rate(self) -> float:
        """Rows a second in this attempt; 0.0 before the first."""
        elapsed = self._clock() - self._began
        return (self.done - self._earlier) / elapsed if elapsed > 0 else 0.0

    def line(self) -> str:
        """Progress in words: `compute_attributions  42 %  137,000 of 327,346 rows  31,000 rows/s  6 s left`."""
        # Rounded down: 100 % means that all is done.
        share = 100 if self.done >= self.total_rows else int(100 * self.done / self.total_rows)
        parts = [f"{self.label}  {share} %", f"{self.done:,} of {self.total_rows:,} rows"]
        return "  ".join([*parts, *filter(None, [self._rate_text(), self._left_text()])])

    def _waiting_line(self, now: float) -> str:
        """Waiting in words: `compute_attributions  waiting for the first rows, 15 s so far`."""
        awaited = "the first rows" if self.done == self._earlier else f"more rows than {self.done:,}"
        return f"{self.label}  waiting for {awaited}, {duration(now - self._last_moved)} so far"

    def _rate_text(self) -> str:
        rate = self.rate
        if rate <= 0:
            return ""
        return f"{rate:,.0f} rows/s" if rate >= 10 else f"{rate:.2g} rows/s"

    def _left_text(self) -> str:
        if self.done >= self.total_rows:
            return f"took {duration(self._clock() - self._began)}"
        return f"{duration((self.total_rows - self.done) / self.rate)} left" if self.rate > 0 else ""

    def _write(self, line: str) -> None:
        if self._log is not None:
            self._log(line)
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress belongs on standard error

    def _open_bar(self, console: Console | None) -> None:
        if console is None and not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        screen = console or Console(stderr=True)
        if not screen.is_terminal:
            return
        self._bar = Bar(
            TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} rows"), TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[left]}"), console=screen,
        )  # fmt: skip
        self._task = self._bar.add_task(self.label, total=self.total_rows, completed=self.done, rate="", left="")
        self._bar.start()


def duration(seconds: float) -> str:
    """Seconds in words: "6 s", "2 min 5 s", "3 h 7 min"."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s" if total % 60 else f"{total // 60} min"
    return f"{total // 3600} h {total % 3600 // 60} min"


def unsaid(_line: str) -> None:
    """The log of a job whose progress is not told: of a handful of rows, or none."""
