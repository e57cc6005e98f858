"""Which output is explained: one column for all rows, or one a row.

A model's output counts as (rows, outputs): a vector (rows,) is one output.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.errors import TargetError, suggest

__all__ = ["Columns", "Target", "named_output", "output_count", "pick_output", "resolve"]

Target = None | int | str | npt.ArrayLike
Columns = npt.NDArray[np.int64]  # (rows,) the column of the output that each row explains


def named_output(target: Any) -> str | None:
    """The output's name where `target` is one."""
    return target if isinstance(target, str) and target not in ("predicted", "all") else None


def pick_output(raw: Any, name: str | None, names: Sequence[str] = ()) -> Any:
    """The tensor that is explained, out of what the model returned (a tensor, a mapping or a sequence of them).

    `names` are the names of a sequence's members, where the framework knows them.
    """
    if isinstance(raw, tuple | list):
        if len(raw) == len(names):
            raw = dict(zip(names, raw, strict=True))
        elif len(raw) == 1:
            raw = raw[0]
        else:
            raise TargetError(f"target: the model returns {len(raw)} outputs without names; return a dict of them")
    if isinstance(raw, Mapping):
        if name is None and len(raw) == 1:
            return next(iter(raw.values()))
        if name is None:
            raise TargetError(f"target: name one of the model's outputs{suggest('', raw, noun='outputs')}")
        if name not in raw:
            raise TargetError(f"target: the model has no output '{name}'{suggest(name, raw, noun='outputs')}")
        return raw[name]
    if name is not None:
        if name in names and len(names) == 1:
            return raw
        raise TargetError(
            f"target: the model's outputs have no names, so '{name}' is none; give a column, 'predicted' or 'all'"
        )
    return raw


def output_count(shape: Sequence[int | None]) -> int:
    """Columns of an output of `shape` (rows, ...). Raises TargetError where it is not (rows,) or (rows, outputs)."""
    tail = [int(size or 0) for size in shape[1:]]
    while len(tail) > 1 and tail[-1] == 1:
        tail.pop()
    if len(shape) == 0 or len(tail) > 1:
        raise TargetError(
            f"target: the model's output has shape {tuple(shape)}; the engine explains (rows,) or (rows, outputs); "
            "let the model give one of its positions, as output: in model.yaml does"
        )
    return tail[0] if tail else 1


def resolve(target: Any, outputs: int, rows: int, predicted: Callable[[], Columns]) -> Columns:
    """The column (rows,) each row explains; `predicted` gives each row's arg-max. "all" is the caller's.

    Raises TargetError for a column that the model does not have, or a target that is none.
    """
    if target is None or named_output(target) is not None:
        if outputs != 1:
            raise TargetError(
                f"target: the output has {outputs} columns; give one of 0 to {outputs - 1}, 'predicted' or 'all'"
            )
        return np.zeros(rows, dtype=np.int64)
    if isinstance(target, str):
        return predicted()
    columns = np.asarray(target)
    if columns.dtype.kind not in "iu":
        raise TargetError(f"target: {target!r} is not a column, an array of columns, 'predicted', 'all' or a name")
    if columns.ndim > 0 and columns.shape != (rows,):
        raise TargetError(f"target: an array of columns has shape ({rows},), one a row, not {columns.shape}")
    if columns.size and (columns.min() < 0 or columns.max() >= outputs):
        wrong = int(columns.max() if columns.max() >= outputs else columns.min())
        raise TargetError(f"target: column {wrong} is not there; the model has {outputs}: 0 to {outputs - 1}")
    return np.ascontiguousarray(np.broadcast_to(columns, (rows,)), dtype=np.int64)
