"""How long a task may take before somebody else is given its work: by `compute.shard_timeout`, or the others' pace."""

from __future__ import annotations

from typing import Literal

__all__ = ["FIRST_SECONDS", "LEAST_SECONDS", "TIMES", "Pace"]

FIRST_SECONDS = 6 * 3600.0
"""Before a task has ended nothing is known of the pace."""
LEAST_SECONDS = 600.0
TIMES = 30.0
"""A worker at a thirtieth of the others' speed is slow, not stuck."""


class Pace:
    """The limit of a task by what others took.

    timeout: seconds for each shard of a task, or "auto": 30 times what the slowest task so far took, ten minutes at
    least, and six hours until one has ended.
    shard_rows: of a shard; a task of more rows has several.
    """

    def __init__(self, timeout: float | Literal["auto"], shard_rows: int) -> None:
        self._timeout = timeout
        self._shard_rows = shard_rows
        self._seconds = 0.0
        self._rows = 1

    def note(self, seconds: float, rows: int) -> None:
        """A task of so many rows took this long."""
        self._seconds = max(self._seconds, seconds)
        self._rows = max(self._rows, rows)

    def limit(self, rows: int) -> float:
        """Seconds that a task of so many rows may take."""
        if self._timeout != "auto":
            return self._timeout * max(1, -(-rows // self._shard_rows))
        if not self._seconds:
            return FIRST_SECONDS
        return max(LEAST_SECONDS, TIMES * self._seconds * max(1.0, rows / self._rows))
