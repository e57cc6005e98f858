"""Rows that end the process which computes them, or with which it never ends: found in pieces, then one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import WorkerLostError
from ig_tasks.expendable import Died

__all__ = ["ending_rows"]

Rows = NDArray[np.intp]


def ending_rows(
    count: int, dies: Callable[[Rows], Died | None], *, name: str, limit: float | None, most: int
) -> dict[int, str]:
    """{row: why} of the rows that end the process by themselves.

    Args:
        count: how many rows there are.
        dies: how the process ended with these rows; None if it outlived them.
        name: of the rows, for the message.
        limit: seconds after which the process counts as one that never ends.
        most: pieces, and then rows, that may end it: each costs a process that loads the model.

    Raises:
        WorkerLostError: if there are more.
    """
    pieces: list[Rows] = []
    for piece in np.array_split(np.arange(count), max(1, math.isqrt(count))):
        if dies(piece) is not None:
            pieces.append(piece)
            _require_few(len(pieces), most, "pieces", name)
    found: dict[int, str] = {}
    for piece in pieces:
        for row in piece:
            if (died := dies(np.array([row]))) is not None:
                found[int(row)] = _words(died, limit)
                _require_few(len(found), most, "rows", name)
    return found


def _words(died: Died, limit: float | None) -> str:
    if died.why == "time":
        return f"the model does not return within {limit:g} s"
    return f"the model ends its process ({died.words})"


def _require_few(found: int, most: int, what: str, name: str) -> None:
    if found > most:
        raise WorkerLostError(
            f"{name}: more than {most} {what} of it end the process, or never end; call the model alone "
            "(ig_tasks.load_model) to see where"
        )
