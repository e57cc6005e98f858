"""How often a report names a change although nothing changed: a real month divided at random into halves of whole days.

    python -m benchmarks.drift_false_alarms RUN [RUN ...] [--splits N] [--seed N]

RUN is the folder of a finished run of a spec that names `data.cluster`. Its clusters are dealt into two halves
`--splits` times, and the halves are compared as two periods are, features and groups, from the sums by cluster that the
run kept; nothing is explained again. Every alarm is false.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc

from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.statistics import OVERALL, AttributionSums, FeatureStatistics, GroupedStatistics
from ig_tasks.statistics.cell_sums import CellSums, ClusterCells, ClusterSums
from ig_tasks.statistics.grids import Grid
from ig_tasks.store.drift_parts import Drift
from ig_tasks.validation.drift.compare_periods import compare_periods
from ig_tasks.validation.drift.decomposition import Totals, totals_of
from ig_tasks.validation.drift.paired import group_matrix
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.drift.references import locate_run
from ig_tasks.validation.drift.states import Limits

__all__ = ["Half", "halves", "main"]


@dataclass(frozen=True)
class Half(Period):
    """Some clusters of a run.

    group_sums: of the contributions of the groups.
    """

    group_sums: ClusterSums | None = None

    def group_totals(self, groups: Mapping[str, Sequence[str]]) -> Totals:
        """Importance of the groups, of their sums by cluster."""
        sums = self.group_sums
        if sums is None:
            raise ValueError("the half has no groups")
        return _totals(AttributionSums(tuple(groups), {}, sums, {}), sums)


def halves(run: Period, group_sums: ClusterSums | None, draw: np.random.Generator) -> tuple[Half, Half]:
    """The clusters of a run dealt into two halves."""
    clusters = run.sums.clusters
    if clusters is None:
        raise ValueError(f"run {run.folder.uri} kept no sums by cluster; name a column in data.cluster and run it")
    order = draw.permutation(len(clusters.grid))
    cut = len(order) // 2
    one, two = (_half(run, group_sums, np.sort(part)) for part in (order[:cut], order[cut:]))
    return one, two


def sums_of_groups(run: Period, groups: Mapping[str, Sequence[str]]) -> ClusterSums | None:
    """Sums of the groups' contributions by cluster, of the run's rows."""
    clusters = run.sums.clusters
    if not groups or clusters is None:
        return None
    names = [name for members in groups.values() for name in members]
    matrix = group_matrix(names, groups)
    total: AttributionSums | None = None
    for table in run.tables(names, ()):
        rows = table.filter(pc.is_valid(table.column("cluster")))
        values = np.stack([rows.column(f"attribution:{name}").to_numpy() for name in names], axis=1) @ matrix
        part = AttributionSums.of(values, tuple(groups), clusters=rows.column("cluster").to_pylist())
        total = part if total is None else total.merge(part)
    return None if total is None else total.clusters


def _half(run: Period, group_sums: ClusterSums | None, kept: np.ndarray) -> Half:
    whole = run.sums
    clusters = _chosen(whole.clusters, kept)
    place = np.full(int(kept.max()) + 1, -1)
    place[kept] = np.arange(len(kept))
    cells, cluster_cells = {}, {}
    for name, entries in whole.cluster_cells.items():
        mine = np.isin(entries.clusters, kept)
        held, codes = np.unique(entries.cells[mine], return_inverse=True)
        keys = entries.grid.keys
        chosen = tuple(keys[at] for at in held) if isinstance(keys, tuple) else keys[held]
        grid = Grid(entries.grid.kind, entries.grid.level, chosen)
        rows, absolute = entries.rows[mine], entries.absolute[mine]
        nothing = np.zeros(len(grid))
        cells[name] = CellSums(
            grid,
            np.bincount(codes, weights=rows, minlength=len(grid)).astype(np.int64),
            np.bincount(codes, weights=absolute, minlength=len(grid)).astype(np.float64),
            nothing,
            nothing,
        )
        cluster_cells[name] = ClusterCells(grid, place[entries.clusters[mine]], codes, rows, absolute)
    sums = AttributionSums(whole.features, cells, clusters, cluster_cells)
    rows_held = int(clusters.rows.sum())
    empty = FeatureStatistics.empty(whole.features)
    moments = empty.moments | {
        "mean": clusters.signed.sum(axis=0) / rows_held,
        "abs_mean": clusters.absolute.sum(axis=0) / rows_held,
    }
    merged = replace(
        run.summary.merged,
        rows_explained=rows_held,
        attributions={run.target: GroupedStatistics({OVERALL: replace(empty, count=rows_held, moments=moments)})},
        sums={run.target: sums},
    )
    own_groups = None if group_sums is None else _chosen(group_sums, kept)
    return Half(run.folder, run.spec, run.facts, replace(run.summary, merged=merged), own_groups)


def _chosen(sums: ClusterSums | None, kept: np.ndarray) -> ClusterSums:
    if sums is None or not isinstance(sums.grid.keys, tuple):
        raise ValueError("there are no sums by cluster")
    grid = Grid("label", sums.grid.level, tuple(sums.grid.keys[at] for at in kept))
    return ClusterSums(grid, sums.rows[kept], sums.absolute[kept], sums.signed[kept])


def _totals(sums: AttributionSums, clusters: ClusterSums) -> Totals:
    return totals_of(
        sums,
        absolute=clusters.absolute.sum(axis=0),
        squares=np.zeros(clusters.absolute.shape[1]),
        signed=clusters.signed.sum(axis=0),
        rows=int(clusters.rows.sum()),
    )


def _named(drift: Drift) -> list[str]:
    return [row.feature for row in (*drift.features, *drift.groups) if row.state == "changed"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, for each run, in how many comparisons of its halves there was an alarm, or a change was named."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    all_alarms = all_named = count = 0
    for location in asked.runs:
        run = Period.open(locate_run(location))
        settings = run.spec.drift
        limits = Limits(settings.practical, settings.share, settings.false_discovery)
        groups = groups_of(run.features, run.spec.features)
        group_sums = sums_of_groups(run, groups)
        draw = np.random.default_rng(asked.seed)
        alarms, named = [], []
        for _ in range(asked.splits):
            before, after = halves(run, group_sums, draw)
            drift = compare_periods(before, after, limits=limits, groups=groups, presented=run.spec.features)
            if not drift.comparable:
                raise ValueError(f"{location}: {drift.why_not}")
            alarms.append([row.feature for row in drift.alarms])
            named.append(_named(drift))
        with_alarm, with_change = sum(map(bool, alarms)), sum(map(bool, named))
        who = sorted({feature for found in alarms for feature in found})
        print(
            f"{run.partition}: {with_alarm} of {asked.splits} comparisons raise an alarm, {with_change} name a change"
            + (f" ({', '.join(who)})" if who else "")
        )
        all_alarms, all_named, count = all_alarms + with_alarm, all_named + with_change, count + asked.splits
    print(f"all: alarms in {all_alarms / count:.2%} of {count} comparisons, changes in {all_named / count:.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
