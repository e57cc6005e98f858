"""A fitted baseline: a number for each numeric feature, weights over ids for each categorical one, k times over.

Weights over ids, not vectors, are what is stored: the vectors belong to a model's layer, the weights to the data,
and the same baseline serves both frameworks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from ig_tasks.baselines.input_layouts import Inputs, layouts_of
from ig_tasks.baselines.point import Point
from ig_tasks.baselines.population import POPULATION, definition
from ig_tasks.baselines.summary import described
from ig_tasks.statistics import UnknownCounts
from ig_tasks.store import Folder, Manifest, digest_of
from ig_tasks.store.parquet_reading import read_parquet

__all__ = ["Baseline"]

_SCHEMA = pa.schema([("feature", pa.string()), ("id", pa.int64()), ("category", pa.string()), ("value", pa.float64())])
_PLACES = [("place", pa.int64()), ("point", pa.int64()), ("level", pa.string())]
_BY_ROW = ("blur", "noise", "max_distance")


@dataclass(frozen=True, eq=False)
class Baseline:
    """One baseline or several: what rows are compared with.

    fitted: the baselines. Of `noise` and `max_distance` the low and the high end of the data; of `blur` what stands
    where nothing can be blurred.
    levels: {level of `segment`: its baseline}; other rows have that of `fitted`.
    options: the strategy's, as JSON values (`k`, `seed`, `sigma`, and `shares`, what each of `fitted` counts).
    unknown: {feature: what the rows it was fitted on hold of categories that the model does not know}.
    """

    strategy: str
    rows: int
    fitted: tuple[Point, ...]
    levels: Mapping[str, Point] = field(default_factory=dict)
    segment: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    unknown: Mapping[str, UnknownCounts] = field(default_factory=dict)

    def __repr__(self) -> str:
        count = f", {self.count} baselines" if self.count > 1 else ""
        levels = f", {len(self.levels)} levels of {self.segment!r}" if self.segment is not None else ""
        return f"Baseline({self.strategy!r}{count}{levels}, fitted on {self.rows:,} rows)"

    @property
    def numbers(self) -> Mapping[str, float]:
        """{feature: value} of the first of its points."""
        return self.fitted[0].numbers

    @property
    def weights(self) -> Mapping[str, Mapping[int, float]]:
        """{feature: {id: weight}} of the first of its points."""
        return self.fitted[0].weights

    @property
    def by_row(self) -> bool:
        """Whether it is made of the row itself."""
        return self.strategy in _BY_ROW

    @property
    def count(self) -> int:
        """How many baselines a row is compared with."""
        return int(self.options.get("k", 1)) if self.by_row else len(self.fitted)

    @property
    def facts(self) -> dict[str, Any]:
        """What is written beside its table: strategy, rows, and the rest where there is more."""
        unknown = {feature: counts.to_json() for feature, counts in self.unknown.items()}
        written = {"definition": self.definition or None}
        more = {**written, "segment": self.segment, "options": dict(self.options) or None, "unknown": unknown or None}
        return {"strategy": self.strategy, "rows": self.rows, **{key: item for key, item in more.items() if item}}

    @property
    def definition(self) -> str:
        """Who belongs to a reference population, in words; empty for other strategies."""
        return definition(self.options) if self.strategy == POPULATION else ""

    @cached_property
    def digest(self) -> str:
        """Depends on the values alone: two fits that give the same numbers are the same baseline."""
        documents = [point.document() for point in self.fitted]
        if len(documents) == 1 and not (self.levels or self.by_row):
            return digest_of(documents[0])
        levels = {level: point.document() for level, point in self.levels.items()}
        rule = {"strategy": self.strategy} if self.by_row else {}
        return digest_of(
            {"points": documents, "levels": levels, "segment": self.segment, "options": dict(self.options), **rule}
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Baseline) and (self.facts, self.digest) == (other.facts, other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def to_table(self, inputs: Inputs) -> pa.Table:
        """The table of baseline.parquet: a row for a number, a row for each category's weight.

        Where there are several points, levels or arrays, `place`, `point` and `level` say which.
        """
        layouts = layouts_of(inputs)
        rows: list[tuple[Any, ...]] = [
            (*r, number, None) for number, point in enumerate(self.fitted) for r in point.records(layouts)
        ]
        rows += [(*r, None, level) for level, point in self.levels.items() for r in point.records(layouts)]
        simple = len(self.fitted) == 1 and not self.levels and not self.fitted[0].arrays
        schema = _SCHEMA if simple else pa.schema([*_SCHEMA, *(pa.field(*column) for column in _PLACES)])
        columns = list(zip(*rows, strict=True)) if rows else [()] * (len(_SCHEMA) + len(_PLACES))
        arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=False)]
        return pa.table(arrays, schema)

    @classmethod
    def from_table(
        cls,
        table: pa.Table,
        *,
        strategy: str,
        rows: int,
        inputs: Inputs,
        segment: str | None = None,
        options: Mapping[str, Any] | None = None,
        unknown: Mapping[str, Any] | None = None,
    ) -> Baseline:
        """The baseline that `to_table` wrote, with its `facts`."""
        layouts = layouts_of(inputs)
        points: dict[int, list[dict[str, Any]]] = {0: []}
        levels: dict[str, list[dict[str, Any]]] = {}
        for row in table.to_pylist():
            level = row.get("level")
            rows_of_point = (
                points.setdefault(row.get("point") or 0, []) if level is None else levels.setdefault(level, [])
            )
            rows_of_point.append(row)
        return cls(
            strategy=strategy,
            rows=rows,
            fitted=tuple(Point.of_records(points[number], layouts) for number in sorted(points)),
            levels={level: Point.of_records(records, layouts) for level, records in levels.items()},
            segment=segment,
            options=options or {},
            unknown={feature: UnknownCounts.from_json(item) for feature, item in (unknown or {}).items()},
        )

    @classmethod
    def of_facts(cls, table: pa.Table, facts: Mapping[str, Any], inputs: Inputs) -> Baseline:
        """The baseline of a table and what was written beside it."""
        known = {key: facts[key] for key in ("strategy", "rows", "segment", "options", "unknown") if key in facts}
        return cls.from_table(table, inputs=inputs, **known)

    @classmethod
    def of_run(cls, run: Folder, inputs: Inputs) -> Baseline:
        """The baseline that a run was made with, from its folder.

        Raises:
            DamagedError: if its table is not what was written.
        """
        manifest = Manifest(run)
        table = read_parquet(pa.BufferReader(manifest.read("baseline.parquet")))
        return cls.of_facts(table, manifest.document["baseline"], inputs)

    def describe(self, inputs: Inputs) -> dict[str, float | str]:
        """What a report says of each feature's baseline: the number, the category, or which mean it is."""
        return described(self.strategy, self.fitted, self.levels, layouts_of(inputs))
