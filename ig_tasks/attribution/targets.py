"""Which output is explained: a head of several, a place in it, for all rows or one per row.

A model's output counts as (rows, numbers): a vector (rows,) is one number, axes behind the rows are laid out in a line.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.errors import TargetError, suggest

__all__ = ["Choice", "Columns", "Head", "number_count", "pick_output", "resolve"]

Head = str | int | None
"""One of several outputs, by name or by place."""
Columns = npt.NDArray[np.int64]
"""(targets, rows) the number of the output that each row explains."""

_KEYS = ("head", "position", "column")
_ALL, _PREDICTED = "all", "predicted"


@dataclass(frozen=True)
class Choice:
    """A target as it is asked for."""

    head: Head = None
    position: Any = None
    column: Any = None

    @classmethod
    def of(cls, target: Any) -> Choice:
        """The choice that a column, a name, {"head": ..., "position": ..., "column": ...} or arrays of columns make.

        Raises TargetError.
        """
        if isinstance(target, Choice):
            return target
        if isinstance(target, str):
            return cls(column=target) if target in (_ALL, _PREDICTED) else cls(head=target)
        if not isinstance(target, Mapping):
            return cls(column=_as_numpy(target))
        for key in target:
            if key not in _KEYS:
                raise TargetError(f"target: it has no '{key}'{suggest(str(key), _KEYS, noun='keys')}")
        head, column = target.get("head"), _as_numpy(target.get("column"))
        if isinstance(column, str) and column not in (_ALL, _PREDICTED):
            raise TargetError(f"target: column '{column}' is a name; columns are numbers, 'predicted' or 'all'")
        if not isinstance(head, str | int | np.integer | None) or isinstance(head, bool):
            raise TargetError(f"target: head {head!r} is neither the name of an output nor its place")
        return cls(int(head) if isinstance(head, np.integer) else head, _as_numpy(target.get("position")), column)

    @property
    def every(self) -> bool:
        """Whether all numbers are explained, on an axis of their own."""
        return isinstance(self.column, str) and self.column == _ALL

    @property
    def predicted(self) -> bool:
        """Whether each row's largest column is explained."""
        return isinstance(self.column, str) and self.column == _PREDICTED


def _as_numpy(value: Any) -> Any:
    """Tensors as numpy's arrays; a number of no axes as a number."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif hasattr(value, "numpy"):
        value = value.numpy()
    return value.item() if isinstance(value, np.ndarray | np.generic) and value.ndim == 0 else value


def pick_output(raw: Any, head: Head, names: Sequence[str] = ()) -> Any:
    """The tensor that is explained, out of what the model returned: a tensor, or several in any container.

    `names` are the names of a sequence's members, where the framework knows them. Raises TargetError.
    """
    outputs = _outputs_by_name(raw, names)
    if outputs is not None:
        if head is None and len(outputs) == 1:
            return next(iter(outputs.values()))
        if isinstance(head, int) and -len(outputs) <= head < len(outputs):
            return list(outputs.values())[head]
        if head is None:
            example = f"target={{'head': {next(iter(outputs), '')!r}, 'column': ...}}"
            raise TargetError(
                f"target: name one of the model's outputs, {example}{suggest('', outputs, noun='outputs')}"
            )
        if head not in outputs:
            raise TargetError(f"target: the model has no output '{head}'{suggest(str(head), outputs, noun='outputs')}")
        return outputs[str(head)]
    if isinstance(raw, tuple | list):
        if head is None and len(raw) == 1:
            return raw[0]
        if isinstance(head, int) and -len(raw) <= head < len(raw):
            return raw[head]
        advice = "choose one" if head is None else f"'{head}' is not one of them"
        raise TargetError(
            f"target: the model returns {len(raw)} outputs without names; {advice}, "
            f"target={{'head': 0, 'column': ...}} (0 to {len(raw) - 1})"
        )
    if head in (None, 0) or (len(names) == 1 and head == names[0]):
        return raw
    raise TargetError(
        f"target: the model's outputs have no names, so there is no '{head}'; give a column, 'predicted' or 'all'"
    )


def _outputs_by_name(raw: Any, names: Sequence[str]) -> dict[str, Any] | None:
    """Outputs by name: of a mapping, a dataclass, a named tuple, or a sequence whose names are known."""
    if isinstance(raw, Mapping):
        return {str(name): value for name, value in raw.items() if value is not None}
    if dataclasses.is_dataclass(raw) and not isinstance(raw, type):
        return {field.name: getattr(raw, field.name) for field in dataclasses.fields(raw)}
    if isinstance(raw, tuple | list):
        own = getattr(raw, "_fields", names)
        if len(raw) == len(own) and len(set(own)) == len(own):
            return dict(zip(own, raw, strict=True))
    return None


def number_count(tail: Sequence[int]) -> int:
    """How many numbers a row's output of this shape has."""
    return math.prod(tail)


def resolve(
    choice: Choice,
    tail: Sequence[int],
    rows: int,
    predicted: Callable[[npt.NDArray[np.int64], int], npt.NDArray[np.int64]],
) -> Columns:
    """The numbers (targets, rows) that each row explains, of an output of shape (rows, *tail).

    `predicted` gives the arg-max (rows,) of `count` numbers from each row's first on. Raises TargetError for what the
    model does not have.
    """
    first, count, column = _span(choice, tuple(tail), rows)
    if choice.every:
        return first + np.arange(count)[:, None]
    if choice.predicted:
        return predicted(first, count)[None]
    return np.asarray((first + _columns(column, count, rows, choice.head))[None])


def _span(choice: Choice, tail: tuple[int, ...], rows: int) -> tuple[npt.NDArray[np.int64], int, Any]:
    """The first of the numbers (rows,) among which the column is one, how many they are, and the column."""
    axes = tail
    while len(axes) > 1 and axes[-1] == 1:
        axes = axes[:-1]
    if choice.position is not None:
        if len(tail) < 2:
            raise TargetError(
                f"target: the output has shape {_shape_words(tail)}, and no positions; give a column alone"
            )
        if len(axes) > 2:
            raise TargetError(
                f"target: the output has shape {_shape_words(tail)}; {_remedy(axes)} in place of position"
            )
        at = _whole_numbers(choice.position, rows, "position")
        _require_within(at, -axes[0], axes[0], f"position {{}} is not there; the output has {axes[0]} positions")
        columns = axes[1] if len(axes) == 2 else 1
        return np.where(at < 0, at + axes[0], at) * columns, columns, choice.column
    place = choice.column
    if len(axes) < 2:
        # (2,) is a column as (2, 1) is a place.
        place = place[0] if isinstance(place, tuple) and len(place) == 1 else place
        return np.zeros(rows, dtype=np.int64), number_count(axes), place
    index = _index(place, axes, rows)
    if index is None:
        raise TargetError(f"target: the output has shape {_shape_words(tail)}; {_remedy(axes)}")
    for axis, size in enumerate(axes):
        _require_within(
            index[:, axis], 0, size, f"{{}} is not there on axis {axis + 1} of the output, which has {size}"
        )
    return np.asarray(np.ravel_multi_index(tuple(index.T), axes), dtype=np.int64).reshape(rows), 1, None


def _index(place: Any, axes: tuple[int, ...], rows: int) -> npt.NDArray[np.int64] | None:
    """A place in an output of more axes (rows, axes), which a tuple says for all rows; None for anything else."""
    if isinstance(place, str | None):
        return None
    array = np.asarray(place)
    shared = isinstance(place, tuple) and array.shape == (len(axes),)
    if array.dtype.kind not in "iu" or not (shared or array.shape == (rows, len(axes))):
        return None
    return np.broadcast_to(array, (rows, len(axes)))


def _columns(column: Any, count: int, rows: int, head: Head) -> npt.NDArray[np.int64]:
    """The column (rows,) of each row, of `count`."""
    if column is None:
        if count != 1:
            of_head, form = (
                ("", "") if head is None else (f" {head!r}", f", target={{'head': {head!r}, 'column': ...}}")
            )
            raise TargetError(
                f"target: the output{of_head} has {count} columns; give one of 0 to {count - 1}, "
                f"'predicted' or 'all'{form}"
            )
        return np.zeros(rows, dtype=np.int64)
    columns = _whole_numbers(column, rows, "column")
    _require_within(columns, 0, count, f"column {{}} is not there; the model has {count}: 0 to {count - 1}")
    return columns


def _whole_numbers(value: Any, rows: int, noun: str) -> npt.NDArray[np.int64]:
    """Whole numbers (rows,) of one, or of one per row."""
    try:
        array = np.asarray(value)
    except ValueError:  # of rows that differ in length
        array = np.empty(0)
    if array.dtype.kind not in "iu":
        raise TargetError(f"target: {value!r} is not a {noun}, an array of {noun}s, 'predicted', 'all' or a name")
    if array.shape in ((rows, 1), (1,)):
        array = array.reshape(-1) if array.size == rows else array.reshape(())
    if array.ndim > 0 and array.shape != (rows,):
        raise TargetError(f"target: an array of {noun}s has shape ({rows},), one per row, not {array.shape}")
    return np.broadcast_to(array, (rows,)).astype(np.int64)


def _require_within(numbers: npt.NDArray[np.int64], low: int, high: int, message: str) -> None:
    wrong = numbers[(numbers < low) | (numbers >= high)]
    if wrong.size:
        raise TargetError(f"target: {message.format(int(wrong[0]))}")


def _remedy(axes: tuple[int, ...]) -> str:
    example = ", ".join("0" * len(axes))
    return f"give one number per axis, target=({example}), or an array (rows, {len(axes)}) of them"


def _shape_words(tail: tuple[int, ...]) -> str:
    return f"(rows, {', '.join(map(str, tail))})" if tail else "(rows,)"
