"""What charts ask of a run's rows: samples of points, bins of numbers, levels of texts, and bands of one by another.

All are of the rows where the conditions hold; rows without a value in a column that is asked for do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ig_tasks.errors import QueryError
from ig_tasks.web.conditions import Columns, Condition
from ig_tasks.web.queries import Row, RunRows

__all__ = ["Band", "Bins", "band_by_level", "bands", "bins", "levels", "sample"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Bins(NamedTuple):
    """Equal intervals between the least value and the greatest: `edges` is one longer than `counts`."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class Band(NamedTuple):
    """Quantiles of a number over the rows of one interval or level of another column."""

    level: str
    low: float | None
    high: float | None
    rows: int
    quantiles: tuple[float, ...]
    middle: float | None = None
    """The median of the other column within an interval."""


def sample(
    rows: RunRows, columns: Sequence[str], number: int = 1000, conditions: Sequence[Condition] = ()
) -> tuple[Row, ...]:
    """At most `number` rows with a value in each column, as if drawn at random; the same rows each time.

    Raises:
        QueryError: if a column or a condition is refused, or the question takes too long.
        DamagedError: if a file is not what was written.
    """
    _require_number(number, rows)
    selected = [rows.columns.of(name, "number", "text") for name in dict.fromkeys(columns)]
    where, bound = _where_present(rows.columns, conditions, [column.name for column in selected])
    row_id, target = (rows.columns.of(name).sql for name in ("row_id", "target"))
    with rows.asking() as question:
        records = question.ask(
            f"SELECT {', '.join(column.sql for column in selected)} FROM {{rows}} WHERE {where} "
            f"ORDER BY hash({row_id}, {target}), {row_id} LIMIT ?",
            [*bound, number],
        )
    names = [column.name for column in selected]
    return tuple(dict(zip(names, values, strict=True)) for values in records)


def bins(rows: RunRows, column: str, number: int = 30, conditions: Sequence[Condition] = ()) -> Bins:
    """How many rows hold a number in each of `number` equal intervals; a single value is one interval.

    Raises:
        What `sample` raises.
    """
    _require_number(number, rows)
    value = rows.columns.of(column, "number").sql
    where, bound = _where_present(rows.columns, conditions, [column])
    with rows.asking() as question:
        low, high, count = question.ask(
            f"SELECT min({value}), max({value}), count(*) FROM {{rows}} WHERE {where}", bound
        )[0]
        if not count:
            return Bins((), ())
        if low == high:
            return Bins((low, high), (count,))
        records = question.ask(
            f"SELECT least(CAST(floor(({value} - ?) / ? * ?) AS BIGINT), ?) AS place, count(*) FROM {{rows}} "
            f"WHERE {where} GROUP BY place",
            [low, high - low, number, number - 1, *bound],
        )
    counts = [0] * number
    for place, many in records:
        counts[place] = many
    return Bins(tuple(low + (high - low) * place / number for place in range(number + 1)), tuple(counts))


def levels(
    rows: RunRows, column: str, number: int = 50, conditions: Sequence[Condition] = ()
) -> tuple[tuple[str, int], ...]:
    """The texts of a column with the number of rows that hold each; the most frequent ones.

    Raises:
        What `sample` raises.
    """
    _require_number(number, rows)
    value = rows.columns.of(column, "text").sql
    where, bound = _where_present(rows.columns, conditions, [column])
    with rows.asking() as question:
        records = question.ask(
            f"SELECT {value}, count(*) FROM {{rows}} WHERE {where} GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT ?",
            [*bound, number],
        )
    return tuple((str(text), int(many)) for text, many in records)


def bands(
    rows: RunRows,
    by: str,
    of: str,
    number: int = 20,
    quantiles: Sequence[float] = QUANTILES,
    conditions: Sequence[Condition] = (),
) -> tuple[Band, ...]:
    """Quantiles of one number by another, in about `number` intervals of as many rows each, from low to high.

    Raises:
        What `sample` raises.
    """
    _require_number(number, rows)
    along, value = rows.columns.of(by, "number").sql, rows.columns.of(of, "number").sql
    where, bound = _where_present(rows.columns, conditions, [by, of])
    inner = [place / number for place in range(1, number)]
    with rows.asking() as question:
        # Rows of one value stay in one interval: it goes to that above the last edge below it.
        edges = question.ask(f"SELECT quantile_disc({along}, ?) FROM {{rows}} WHERE {where}", [inner, *bound])[0][0]
        records = question.ask(
            f"SELECT len(list_filter(?::DOUBLE[], lambda edge: edge <= {along})) AS place, min({along}), max({along}), "
            f"count(*), quantile_cont({value}, ?), median({along}) FROM {{rows}} WHERE {where} "
            "GROUP BY place ORDER BY place",
            [sorted(set(edges or [])), list(quantiles), *bound],
        )
    return tuple(Band("", low, high, many, tuple(at), middle) for _, low, high, many, at, middle in records)


def band_by_level(
    rows: RunRows,
    by: str,
    of: str,
    number: int = 20,
    quantiles: Sequence[float] = QUANTILES,
    conditions: Sequence[Condition] = (),
) -> tuple[Band, ...]:
    """Quantiles of a number for each text of another column; the most frequent ones.

    Raises:
        What `sample` raises.
    """
    _require_number(number, rows)
    along, value = rows.columns.of(by, "text").sql, rows.columns.of(of, "number").sql
    where, bound = _where_present(rows.columns, conditions, [by, of])
    with rows.asking() as question:
        records = question.ask(
            f"SELECT {along}, count(*), quantile_cont({value}, ?) FROM {{rows}} WHERE {where} "
            f"GROUP BY {along} ORDER BY 2 DESC, 1 LIMIT ?",
            [list(quantiles), *bound, number],
        )
    return tuple(Band(str(level), None, None, many, tuple(at)) for level, many, at in records)


def _where_present(columns: Columns, conditions: Sequence[Condition], named: Sequence[str]) -> tuple[str, list[Any]]:
    """The conditions, and that each of these columns holds a value."""
    where, bound = columns.where(conditions)
    return " AND ".join([where, *(f"NOT {columns.of(name).absent}" for name in named)]), list(bound)


def _require_number(number: int, rows: RunRows) -> None:
    if not 1 <= number <= rows.limits.sample:
        raise QueryError(f"{number:,} of them: at least 1 and at most {rows.limits.sample:,} can be asked for")
