"""From what a model returns to the number that is explained: which output, and in which space.

A head is a selection (named output, position, column) and a chain of steps on the column chosen (`output_steps`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from ig_tasks.errors import TargetError, suggest
from ig_tasks.models.output_steps import Functions, Step, apply

__all__ = ["OUTCOME", "Head", "Selection"]

OUTCOME = "outcome_of_the_row"
"""The name under which a head that takes the row's outcome finds it among the inputs."""


class Selection(BaseModel):
    """Which of the model's numbers: `head` a name, or a place among several outputs; then position, then column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    head: str | int | None = None
    position: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Head:
    """What stands behind the raw model: the output chosen, and the chain that brings it into its space.

    `target` and `space` are for messages. With `one_column` an output of several columns is refused unless one is
    chosen; `binary` says that a column was taken for the log-odds of a yes or no without model.yaml saying so;
    `takes_outcome` that the number depends on the row's outcome, too, as a loss does.
    """

    target: str
    space: str
    selection: Selection
    steps: tuple[Step, ...]
    binary: bool = False
    takes_outcome: bool = False

    def __call__(self, functions: Functions, raw: Any, rows: int | None = None, outcome: Any = None) -> Any:
        """(rows, 1) of what the model returned for `rows` rows; None if their number is not known.

        Args:
            outcome: (rows,) of the rows, where the head takes them.

        Raises:
            TargetError: for an output that is not there.
        """
        x = self.pick(raw)
        # The squeeze at the end of many models also removes the axis of a single row.
        return self.of_tensor(functions, x[None] if rows == 1 and tuple(x.shape[:1]) != (1,) else x, outcome)

    def pick(self, raw: Any) -> Any:
        """The tensor of the head that is named."""
        head, where = self.selection.head, f"targets.{self.target}.output"
        if dataclasses.is_dataclass(raw) and not isinstance(raw, type | Mapping):
            raw = {field.name: getattr(raw, field.name) for field in dataclasses.fields(raw)}
        if isinstance(raw, Mapping):
            outputs = {str(name): value for name, value in raw.items() if value is not None}
            if head is None and len(outputs) == 1:
                return next(iter(outputs.values()))
            if isinstance(head, int) and -len(outputs) <= head < len(outputs):
                return list(outputs.values())[head]
            if head is None or str(head) not in outputs:
                problem = "several outputs, name one as head" if head is None else f"no output '{head}'"
                raise TargetError(
                    f"{where}: the model has {problem}{suggest(str(head or ''), outputs, noun='outputs')}"
                )
            return outputs[str(head)]
        if isinstance(raw, tuple | list):
            if hasattr(raw, "_fields") and isinstance(head, str) and head in raw._fields:
                return getattr(raw, head)
            if head is None and len(raw) == 1:
                return raw[0]
            if isinstance(head, int) and -len(raw) <= head < len(raw):
                return raw[head]
            advice = "choose one" if head is None else f"'{head}' is not one of them"
            raise TargetError(f"{where}: the model returns {len(raw)} outputs; {advice} (head: 0 to {len(raw) - 1})")
        if head not in (None, 0):
            raise TargetError(
                f"{where}: the model has one output without a name, so there is no head '{head}'; leave head out"
            )
        return raw

    def of_tensor(self, functions: Functions, x: Any, outcome: Any = None) -> Any:
        """(rows, 1) of the named head's tensor, at (rows,) outcomes where the head takes them."""
        where, shape = f"targets.{self.target}.output", tuple(x.shape)
        position, column = self.selection.position, self.selection.column
        if position is not None:
            if len(shape) != 3:
                raise TargetError(f"{where}: position {position} of an output of shape {shape}; it has no positions")
            if shape[1] is not None and not -shape[1] <= position < shape[1]:
                raise TargetError(f"{where}: position {position} is not there; the output has {shape[1]} positions")
            x = x[:, position]
        elif len(shape) == 3 and shape[2] != 1:
            raise TargetError(f"{where}: the output has shape {shape}; choose a position, (rows, positions, columns)")
        elif len(shape) == 3:
            x = x[:, :, 0]
        if len(x.shape) == 1:
            x = x[:, None]
        if len(x.shape) != 2:
            raise TargetError(f"{where}: the output has shape {shape}; (rows, columns) can be explained")
        columns = x.shape[1]
        if column is not None and not 0 <= column < columns:
            raise TargetError(f"{where}: column {column} is not there; the output has {columns}: 0 to {columns - 1}")
        if column is None and columns != 1:
            raise TargetError(f"{where}: the output has {columns} columns; choose one of 0 to {columns - 1}")
        if self.binary and columns > 1:
            raise TargetError(
                f"targets.{self.target}.activation: the output has {columns} columns; say softmax if they are classes "
                "that exclude one another, sigmoid if each is a yes or no of its own"
            )
        wide = any(step.op in ("column", "softmax", "log_odds", "class_loss") for step in self.steps)
        if wide and columns < 2:
            raise TargetError(f"targets.{self.target}.activation: softmax needs several columns, the output has one")
        if not wide and columns > 1 and column is not None:
            x = x[:, column : column + 1]
        return apply(functions, self.steps, x, None if outcome is None else functions.like(outcome[:, None], x))
