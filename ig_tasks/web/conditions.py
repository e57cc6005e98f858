"""What a form asks of a run's rows, as values: which column, which comparison, which value. SQL is made of them here.

A name is looked up among the columns of the file and stands for a place there; a value is bound. Nothing that a person
typed becomes part of the text of a query.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ig_tasks.errors import QueryError, suggest
from ig_tasks.presentation.visible import visible

__all__ = ["NUMBERS", "OPERATORS", "TEXTS", "Column", "Columns", "Condition", "Order"]

Kind = Literal["number", "text", "list"]

_LETTERS, _CONDITIONS, _SHOWN = 200, 12, 60
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)

NUMBERS = {
    "ge": "at least",
    "le": "at most",
    "gt": "greater than",
    "lt": "less than",
    "eq": "equal to",
    "ne": "not equal to",
    "size_ge": "of a size of at least",
    "size_le": "of a size of at most",
    "missing": "missing",
    "present": "not missing",
}
"""Comparisons of a number, in words; the size of a number is the number without its sign."""

TEXTS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "starts": "starts with",
    "missing": "missing",
    "present": "not missing",
}
"""Comparisons of a text, in words; `contains` and `starts` take upper and lower case as the same."""

OPERATORS: Mapping[Kind, Mapping[str, str]] = {"number": NUMBERS, "text": TEXTS, "list": {}}

_SIGNS = {"ge": ">=", "le": "<=", "gt": ">", "lt": "<", "eq": "=", "ne": "<>"}
_TEXT_TERMS = {
    "is": "{0} = ?",
    "is_not": "{0} <> ?",
    "contains": "contains(lower({0}), lower(?))",
    "starts": "starts_with(lower({0}), lower(?))",
}


@dataclass(frozen=True)
class Column:
    """A column of a run's rows. In a query it is called by its place, whatever its name holds."""

    name: str
    place: int
    kind: Kind

    @property
    def sql(self) -> str:
        """How a query calls it."""
        return f"c{self.place}"

    @property
    def absent(self) -> str:
        """SQL that is true where it holds no value; a NaN is none."""
        return f"({self.sql} IS NULL OR isnan({self.sql}))" if self.kind == "number" else f"({self.sql} IS NULL)"


@dataclass(frozen=True)
class Condition:
    """One condition on the rows: a column's name, an operator of `OPERATORS`, and a value as it was typed."""

    column: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Order:
    """By which column rows are sorted; those without a value come last, and ties go by row id."""

    column: str = "output"
    descending: bool = True
    by_size: bool = False


class Columns:
    """The columns of a run's rows, in the file's order."""

    def __init__(self, columns: Iterable[Column]) -> None:
        self._columns = tuple(columns)
        self._named = {column.name: column for column in self._columns}

    def __len__(self) -> int:
        return len(self._columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def __contains__(self, name: str) -> bool:
        return name in self._named

    def of(self, name: str, *kinds: Kind) -> Column:
        """The column of a name, and of one of these kinds where any are given.

        Raises:
            QueryError: if there is none.
        """
        column = self._named.get(name)
        if column is None:
            raise QueryError(f"column {_quoted(name)}: the rows of this run have none{suggest(name, self._named)}")
        if kinds and column.kind not in kinds:
            raise QueryError(f"column {_quoted(name)} holds {_HOLDS[column.kind]}; choose one of {_HOLDS[kinds[0]]}")
        return column

    def where(self, conditions: Sequence[Condition]) -> tuple[str, list[float | str]]:
        """SQL that is true where all the conditions hold, and the values to bind.

        Raises:
            QueryError: naming the condition that says nothing about these columns.
        """
        if len(conditions) > _CONDITIONS:
            raise QueryError(f"{len(conditions)} conditions: at most {_CONDITIONS} can be asked at once")
        parts, bound = ["TRUE"], []
        for condition in conditions:
            column = self.of(condition.column, "number", "text")
            term, value = _comparison(column, condition)
            parts.append(f"({term})")
            bound += [] if value is None else [value]
        return " AND ".join(parts), bound

    def order(self, order: Order) -> str:
        """The terms of an ORDER BY, the same for the same rows however the files are read.

        Raises:
            QueryError: if the column is not there, or cannot be sorted so.
        """
        kinds: tuple[Kind, ...] = ("number",) if order.by_size else ("number", "text")
        column = self.of(order.column, *kinds)
        term = f"abs({column.sql})" if order.by_size else column.sql
        ties = [self._named[name].sql for name in ("row_id", "target") if name in self._named]
        return ", ".join([column.absent, f"{term} {'DESC' if order.descending else 'ASC'}", *ties])


_HOLDS: Mapping[Kind, str] = {"number": "numbers", "text": "text", "list": "lists, which no condition can be on"}


def _comparison(column: Column, condition: Condition) -> tuple[str, float | str | None]:
    """SQL with at most one value to bind, and that value."""
    known = OPERATORS[column.kind]
    if condition.operator not in known:
        holds = f"which holds {_HOLDS[column.kind]}"
        raise QueryError(
            f"comparison {_quoted(condition.operator)}: there is none of column {_quoted(column.name)}, {holds}; "
            f"choose one of {', '.join(known)}"
        )
    if condition.operator == "missing":
        return column.absent, None
    if condition.operator == "present":
        return f"NOT {column.absent}", None
    if column.kind == "text":
        return _TEXT_TERMS[condition.operator].format(column.sql), _text(column, condition.value)
    number = _number(column, condition.value)
    of_size = condition.operator.startswith("size_")
    left = f"abs({column.sql})" if of_size else column.sql
    sign = _SIGNS[condition.operator.removeprefix("size_")]
    # DuckDB holds a NaN for greater than every number.
    return f"{left} {sign} ? AND NOT isnan({column.sql})", number


def _text(column: Column, value: str) -> str:
    if len(value) > _LETTERS:
        raise QueryError(f"column {_quoted(column.name)}: a value of {len(value)} characters; at most {_LETTERS}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise QueryError(f"column {_quoted(column.name)}: the value is no text that can be written") from None
    return value


def _number(column: Column, value: str) -> float:
    """The number that was typed; pages write a minus sign of their own."""
    typed = value.strip().replace("\u2212", "-")
    if len(typed) > _LETTERS or not _NUMBER.fullmatch(typed):
        raise QueryError(f"column {_quoted(column.name)}: {_quoted(value)} is not a number such as -0.25 or 1e-3")
    number = float(typed)
    if not math.isfinite(number):
        raise QueryError(f"column {_quoted(column.name)}: {_quoted(value)} is not a number that can be written")
    return number


def _quoted(text: str) -> str:
    """What a person typed, short enough for one line."""
    return repr(visible(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")) if text else "''"
