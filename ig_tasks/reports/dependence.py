"""How the attributions of the leading features depend on their values: by bin of a number, by category.

Bins come from a run's sums by cell, which are the same however its rows are divided into shards. Where the run keeps
inputs, its rows are read once more and quantiles are counted in cells of a fixed width, so they are the same too;
elsewhere the sums give means and standard deviations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ig_tasks.reports.dependence_bins import CategoryBins, NumberBins, Tally
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import Folder
from ig_tasks.store.parquet_reading import read_tables
from ig_tasks.store.report_dependence import Dependence, DependencePoint

__all__ = ["dependence"]

_ATTRIBUTION, _INPUT = "attribution:", "input:"
_LEADING, _TARGETS = 6, 4
"""Features of a single target whose dependence is shown, and the most targets; several targets share the features."""
_CATEGORIES = 12


@dataclass
class _Part:
    """One feature of one target: how its rows are divided, and what is known of each part."""

    target: str
    feature: str
    bins: NumberBins | CategoryBins
    tally: Tally

    def add(self, rows: pa.Table) -> None:
        codes = self.bins.codes(rows.column(_INPUT + self.feature))
        self.tally.add(codes, rows.column(_ATTRIBUTION + self.feature).to_numpy())

    def result(self) -> Dependence | None:
        """What the report holds; None where there is nothing to tell apart."""
        points = [*self._points()]
        if len(points) < 2:
            return None
        left = int(self.bins.total - sum(point.rows for point in points))
        return Dependence(
            target=self.target,
            feature=self.feature,
            kind=self.bins.kind,
            points=tuple(points),
            left_levels=self.bins.left,
            left_rows=max(left, 0),
        )

    def _points(self) -> Iterator[DependencePoint]:
        tally = self.tally
        for place in range(len(self.bins)):
            rows = int(tally.rows[place])
            if not rows:
                continue
            value, low, high = self.bins.described(place)
            mean = float(tally.signed[place] / rows)
            square = float(tally.squares[place] / rows)
            variance = square - mean**2
            yield DependencePoint(
                value=value,
                low=low,
                high=high,
                rows=rows,
                mean=mean,
                # Rounding leaves a remainder even where all attributions are equal.
                std_dev=float(np.sqrt(variance)) if variance > 1e-12 * square else 0.0,
                quantiles=tally.quantiles(place),
            )


def dependence(run: Folder, files: Sequence[str], summary: ShardSummary, *, keep_inputs: bool) -> list[Dependence]:
    """For each target the dependence of its leading features, the most important first.

    Empty for runs of versions that kept no sums by cell.

    Args:
        files: the run's tables of attributions.
        keep_inputs: whether they hold the inputs.
    """
    parts = [*_planned(summary, keep_inputs)]
    if keep_inputs and parts:
        columns = dict.fromkeys(name for part in parts for name in (_ATTRIBUTION + part.feature, _INPUT + part.feature))
        for table in read_tables(run, files, ["target", *columns]):
            for target in dict.fromkeys(part.target for part in parts):
                rows = table.filter(pc.equal(table.column("target"), target))
                for part in parts:
                    if part.target == target:
                        part.add(rows)
    return [result for part in parts if (result := part.result()) is not None]


def _planned(summary: ShardSummary, keep_inputs: bool) -> Iterator[_Part]:
    targets = list(summary.sums)[:_TARGETS]
    for target in targets:
        sums, statistics = summary.sums[target], summary.attributions[target].overall
        order = np.argsort(-statistics.abs_mean, kind="stable")
        leading = [statistics.features[place] for place in order[: max(_LEADING // len(targets), 1)]]
        for name in leading:
            cells = sums.cells.get(name)
            if cells is None or not cells.absolute.any():
                continue  # texts, images and their like have no value that could be shown
            if cells.grid.kind == "number":
                numbers = NumberBins.of(cells)
                tally = Tally(len(numbers)) if keep_inputs else Tally.of_cells(cells, numbers.places, len(numbers))
                yield _Part(target, name, numbers, tally)
                continue
            levels = CategoryBins.of(summary.categories[name], _CATEGORIES)
            places = levels.grid_places(cells.grid)
            if keep_inputs:
                yield _Part(target, name, levels, Tally(len(levels)))
            elif places is not None:
                yield _Part(target, name, levels, Tally.of_cells(cells, places, len(levels)))
