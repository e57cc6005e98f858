"""Rows with which a model raises: found by halving, and left out with the model's own words.

The rest is computed in one call, as if those rows had never been there: its numbers do not depend on how the rows were
found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import IgTasksError, ModelError

__all__ = ["Rows", "isolate_rows", "most_isolated", "own_words"]

Rows = NDArray[np.intp]
T = TypeVar("T")

_FEW, _MANY, _SHARE = 4, 16, 0.05
_WORDS = 160
_KERAS_FRAME = re.compile(r"Exception encountered when calling .*?\x1b\[1m(.*?)\x1b\[0m", re.DOTALL)
_TENSORFLOW_FRAME = re.compile(r"(?:Graph execution error:|Detected at node)")
_TENSORFLOW_NODE = re.compile(r"\s*\[\[?\{\{.*|\s*\[Op:\w+\].*", re.DOTALL)


def isolate_rows(
    call: Callable[[Rows], T], count: int, *, probe: Callable[[Rows], object] | None = None, where: str
) -> tuple[T | None, dict[int, str]]:
    """Call on all rows but those with which it raises.

    Args:
        call: takes the places (rows,) of the rows that it is to compute.
        count: how many rows there are.
        probe: a call that costs less and mostly raises with the same rows. What it finds, `call` has to confirm.
        where: names the model and the rows, for the message.

    Returns:
        The result for the rows that are left, None if no row is, and {row: what the model said}.

    Raises:
        ModelError: if more rows raise than `most_isolated` allows.
        IgTasksError, MemoryError, OSError: as they were raised: neither is about a row.
        Exception: what `call` raises with all rows together and with no row by itself.
    """
    everything: Rows = np.arange(count)
    result, error = _attempt(call, everything)
    refused: dict[int, str] = {}
    for find in (probe, call):
        if error is None or find is None:
            continue
        left = np.setdiff1d(everything, list(refused))
        for row in _raising(find, left, error, most_isolated(count), where):
            _, single = _attempt(call, np.array([row]))
            if single is not None:
                refused[row] = f"the model raises {own_words(single)}"
        left = np.setdiff1d(everything, list(refused))
        if not len(left):
            return None, refused
        result, error = _attempt(call, left)
    if error is not None:
        raise error
    return result, refused


def most_isolated(rows: int) -> int:
    """How many of a shard's rows are isolated at most: a model that raises with more is broken, not its data."""
    return max(min(_MANY, rows // 2), _FEW, int(_SHARE * rows))


def own_words(error: BaseException) -> str:
    """An error in one short line: its class and what the model said, without what a framework puts around it.

    >>> own_words(ValueError("no such distance:\\n  -3"))
    'ValueError: no such distance: -3'
    """
    text = str(error)
    if (inner := _KERAS_FRAME.search(text)) is not None:
        text = inner[1]
    if _TENSORFLOW_FRAME.search(text):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        said = [line for line in lines if not line.startswith(("Graph execution", "Detected at", "[[", "File "))]
        text = said[-1] if said else text
    text = " ".join(_TENSORFLOW_NODE.sub("", text).split())
    name = type(error).__name__
    words = f"{name}: {text}" if text else name
    return words if len(words) <= _WORDS else f"{words[: _WORDS - 1].rstrip()}…"


def _raising(call: Callable[[Rows], object], rows: Rows, first: Exception, most: int, where: str) -> list[int]:
    """The rows with which `call` raises one by one; `first` is what it raised with all of them."""
    failing = [rows]
    while any(len(part) > 1 for part in failing):
        single = [part for part in failing if len(part) == 1]
        halves = [half for part in failing if len(part) > 1 for half in np.array_split(part, 2)]
        failing = single + [half for half in halves if _attempt(call, half)[1] is not None]
        # Each of them holds a row at least.
        if len(failing) > most:
            said = own_words(first)
            raise ModelError(f"{where} raises with more than {most} of {len(rows):,} rows: {said}") from None
    return [int(part[0]) for part in failing]


def _attempt(call: Callable[[Rows], T], rows: Rows) -> tuple[T | None, Exception | None]:
    try:
        return call(rows), None
    except (IgTasksError, MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - code of the model raises what it likes
        return None, error
