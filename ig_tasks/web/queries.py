"""What pages ask of a run's rows: a page of a filter, one row, its neighbours, extremes, samples and bins.

    rows = RunRows.of(stored_run)
    page = rows.page([Condition("segment:origin", "is", "JFK")], Order("attribution:dep_delay"), number=50, offset=100)

Each call opens a connection of its own, reads only the columns it needs, and is bounded by `Limits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from ig_tasks.errors import QueryError
from ig_tasks.store import RunFolder
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.conditions import Column, Columns, Condition, Order
from ig_tasks.web.query_engine import LIMITS, Limits, Question, asking, columns_of
from ig_tasks.web.verified_files import VerifiedFiles

__all__ = ["ATTRIBUTION", "INPUT", "SEGMENT", "Page", "RunRows"]

ATTRIBUTION, INPUT, SEGMENT = "attribution:", "input:", "segment:"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """Some rows of a filter, and how many it has in all."""

    rows: tuple[Row, ...]
    count: int
    offset: int


class RunRows:
    """The rows of one run's attributions.

    Args:
        folder: of the run.
        digests: of its files, as its manifest has them.

    Raises:
        QueryError: if its rows are not in the store.
    """

    def __init__(self, folder: RunFolder, digests: Mapping[str, str], limits: Limits = LIMITS) -> None:
        self._files = VerifiedFiles(folder, digests)
        self.limits = limits

    @classmethod
    def of(cls, run: StoredRun, limits: Limits = LIMITS) -> RunRows:
        """The rows of a run that was opened."""
        return cls(run.folder, run.document.get("files", {}), limits)

    @cached_property
    def columns(self) -> Columns:
        """The columns: `row_id`, `target`, `output`, `status`..., `segment:`, `attribution:` and `input:` ones."""
        return columns_of(self._files)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that are explained, in the file's order."""
        return tuple(c.name.removeprefix(ATTRIBUTION) for c in self.columns if c.name.startswith(ATTRIBUTION))

    def asking(self) -> AbstractContextManager[Question]:
        """A connection to these rows, for one request."""
        return asking(self._files, self.columns, self.limits)

    def page(
        self,
        conditions: Sequence[Condition] = (),
        order: Order | None = None,
        *,
        columns: Sequence[str] | None = None,
        number: int = 50,
        offset: int = 0,
    ) -> Page:
        """Rows `offset` to `offset + number` of those where all conditions hold, and how many these are.

        Args:
            conditions: of a form; all of them must hold.
            order: by which column they are sorted; by output, the greatest first, unless given.
            columns: the names of those to read; None: those that every run has.
            number: rows to give.
            offset: rows to pass over.

        Raises:
            QueryError: if a condition, a column or a number is refused, or the question takes too long.
            DamagedError: if a file is not what was written.
        """
        _require_within("rows on a page", number, 1, self.limits.page)
        _require_within("offset", offset, 0, self.limits.offset, "sort or filter to find a row further down")
        selected = self._selected(columns)
        where, bound = self.columns.where(conditions)
        sorted_by = self.columns.order(order or Order())
        with self.asking() as question:
            count = int(question.ask(f"SELECT count(*) FROM {{rows}} WHERE {where}", bound)[0][0])
            records = question.ask(
                f"SELECT {_column_list(selected)} FROM {{rows}} WHERE {where} ORDER BY {sorted_by} LIMIT ? OFFSET ?",
                [*bound, number, offset],
            )
        return Page(_as_rows(selected, records), count, offset)

    def table(
        self, conditions: Sequence[Condition] = (), order: Order | None = None, columns: Sequence[str] | None = None
    ) -> tuple[pa.Table, int]:
        """The first rows of a filter as a table, up to the limit of a download, and how many the filter has.

        Raises:
            What `page` raises.
        """
        selected = (
            [column for column in self.columns if column.kind != "list"] if columns is None else self._selected(columns)
        )
        where, bound = self.columns.where(conditions)
        sorted_by = self.columns.order(order or Order())
        names = [column.name for column in selected]
        with self.asking() as question:
            count = int(question.ask(f"SELECT count(*) FROM {{rows}} WHERE {where}", bound)[0][0])
            records = question.table(
                f"SELECT {_column_list(selected)} FROM {{rows}} WHERE {where} ORDER BY {sorted_by} LIMIT ?",
                [*bound, min(self.limits.download, self.limits.cells // len(selected))],
            )
        return records.rename_columns(names), count

    def row(self, row_id: str, target: str | None = None) -> Row | None:
        """One row, whole; of the first of its targets unless one is named. None if the run has no such row.

        Raises:
            DamagedError: if a file is not what was written.
        """
        _, bound = self.columns.where([Condition("row_id", "is", row_id)])
        where = f"{self.columns.of('row_id').sql} = ?"
        if target is not None:
            bound += self.columns.where([Condition("target", "is", target)])[1]
            where += f" AND {self.columns.of('target').sql} = ?"
        with self.asking() as question:
            records = question.ask(f"SELECT * FROM {{rows}} WHERE {where} LIMIT 1", bound)
        return _as_rows(list(self.columns), records)[0] if records else None

    def targets_of(self, row_id: str) -> tuple[str, ...]:
        """The targets that a row is explained for."""
        where, bound = self.columns.where([Condition("row_id", "is", row_id)])
        target = self.columns.of("target").sql
        with self.asking() as question:
            records = question.ask(f"SELECT DISTINCT {target} FROM {{rows}} WHERE {where} ORDER BY 1 LIMIT 100", bound)
        return tuple(str(name) for (name,) in records)

    def neighbours(self, row: Row, number: int = 3, columns: Sequence[str] | None = None) -> tuple[Row, ...]:
        """Up to `number` rows with the next lower outputs and as many with the next higher ones, from high to low.

        The row itself is not among them.
        """
        _require_within("neighbours", number, 1, self.limits.page)
        selected, output = self._selected(columns), self.columns.of("output", "number").sql
        row_id, target = self.columns.of("row_id").sql, self.columns.of("target").sql
        halves = []
        with self.asking() as question:
            for sign, order in ((">", "ASC"), ("<", "DESC")):
                beyond = f"({output} {sign} ? OR ({output} = ? AND {row_id} {sign} ?))"
                halves.append(
                    question.ask(
                        f"SELECT {_column_list(selected)} FROM {{rows}} WHERE {target} = ? AND {row_id} <> ? "
                        f"AND {beyond} AND NOT isnan({output}) ORDER BY {output} {order}, {row_id} {order} LIMIT ?",
                        [row["target"], row["row_id"], row["output"], row["output"], row["row_id"], number],
                    )
                )
        return _as_rows(selected, [*reversed(halves[0]), *halves[1]])

    def _selected(self, columns: Sequence[str] | None) -> list[Column]:
        if columns is not None:
            return [self.columns.of(name) for name in dict.fromkeys(columns)]
        return [column for column in self.columns if ":" not in column.name]


def _require_within(name: str, number: int, least: int, most: int, remedy: str = "") -> None:
    if not least <= number <= most:
        raise QueryError(f"{name}: {number:,} is not between {least} and {most:,}" + (f"; {remedy}" if remedy else ""))


def _column_list(columns: Sequence[Column]) -> str:
    return ", ".join(column.sql for column in columns)


def _as_rows(columns: Sequence[Column], records: Sequence[tuple[Any, ...]]) -> tuple[Row, ...]:
    names = [column.name for column in columns]
    return tuple(dict(zip(names, values, strict=True)) for values in records)
