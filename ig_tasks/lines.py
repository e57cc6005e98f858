"""Lines for a log that say how serious they are.

A stage tells its progress by `log(line)`, a function that takes text. Whoever knows levels, as Airflow's task log
does, finds the line's own; everybody else has a string.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["Line", "level_of"]

Level = Literal["info", "warning", "error"]


class Line(str):
    """Text with a level."""

    __slots__ = ("level",)

    level: Level

    def __new__(cls, text: str, level: Level) -> Line:
        """Text that `level_of` gives this level."""
        line = super().__new__(cls, text)
        line.level = level
        return line


def level_of(line: str) -> Level:
    """The level of a line; plain text is information.

    >>> level_of("2 of 3 shards"), level_of(Line("parity failed", "error"))
    ('info', 'error')
    """
    return line.level if isinstance(line, Line) else "info"
