"""The filter of the rows page as it stands in an address: conditions, order and page; the downloads take the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from starlette.datastructures import QueryParams

from ig_tasks.errors import QueryError
from ig_tasks.web.conditions import OPERATORS, Columns, Condition, Order

__all__ = ["RowFilter"]

_ALONE = ("missing", "present")
"""Comparisons that need no value."""
_TARGET, _OUTPUT = "target", "output"
_FIELDS = 24
"""Conditions that a form is drawn for, each with a list of all columns; a few more than can be asked at once."""


@dataclass(frozen=True)
class RowFilter:
    """What a form asks for.

    Attributes:
        typed: the conditions of the form, those without a value too.
        target: the target whose rows are asked for; "" for all.
        order: by which column.
    """

    typed: tuple[Condition, ...]
    target: str
    order: Order

    @classmethod
    def of(cls, query: QueryParams, columns: Columns, target: str = "") -> RowFilter:
        """The filter of an address; conditions without a column do not count.

        Args:
            query: its parameters: `column`, `op` and `value` of each condition, `target`, `sort`, `way`, `size`.
            columns: of the run's rows, by which a condition has its first comparison where none is given.
            target: the one whose rows are shown unless another is asked for.

        Raises:
            QueryError: if it has more conditions than a form is drawn for.
        """
        if (number := len(query.getlist("column"))) > _FIELDS:
            raise QueryError(f"{number} conditions in one address: a form has at most {_FIELDS}")
        fields = zip_longest(*(query.getlist(name) for name in ("column", "op", "value")), fillvalue="")
        typed = [
            Condition(column, operator or _first_operator(columns, column), value)
            for column, operator, value in fields
            if column
        ]
        sort = query.get("sort") or _OUTPUT
        order = Order(sort, descending=query.get("way") != "asc", by_size=query.get("size") == "1")
        return cls(tuple(typed), query.get(_TARGET, target), order)

    @property
    def conditions(self) -> list[Condition]:
        """The conditions that hold: a condition that waits for its value does not count yet."""
        of_target = [Condition(_TARGET, "is", self.target)] if self.target else []
        return [*of_target, *(condition for condition in self.typed if self.is_complete(condition))]

    @staticmethod
    def is_complete(condition: Condition) -> bool:
        """Whether a condition has the value that it needs."""
        return condition.operator in _ALONE or bool(condition.value.strip())

    def query(self, **changes: Any) -> dict[str, Any]:
        """The parameters of an address of this filter, for `Addresses`; `changes` replace some of them."""
        conditions: Sequence[Condition] = changes.pop("typed", self.typed)
        order: Order = changes.pop("order", self.order)
        return {
            "column": [condition.column for condition in conditions] or None,
            "op": [condition.operator for condition in conditions] or None,
            "value": [condition.value for condition in conditions] or None,
            "target": self.target or None,
            "sort": None if order.column == _OUTPUT else order.column,
            "way": None if order.descending else "asc",
            "size": "1" if order.by_size else None,
            **changes,
        }

    def without(self, place: int) -> tuple[Condition, ...]:
        """The conditions without one of them."""
        return self.typed[:place] + self.typed[place + 1 :]


def _first_operator(columns: Columns, name: str) -> str:
    """The first comparison that a column knows; "" where there is no such column, which the query then says."""
    if name not in columns:
        return ""
    return next(iter(OPERATORS[columns.of(name).kind]), "")
