"""Features whose importance hangs on one row: a mean says nothing of that."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.compute as pc

from ig_tasks.compute.shard_files import ShardSummary
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder
from ig_tasks.store.report import Outlier

__all__ = ["outliers"]

_ATTRIBUTION = "attribution:"
_SHARE, _TIMES, _MOST = 0.1, 10, 5
"""The least share of a feature's importance that one row must have, how many times an even share it must be, and the
most features that are named."""


def outliers(run: Folder, files: Sequence[str], summary: ShardSummary) -> list[Outlier]:
    """The most important features of which one row has a tenth of all |attribution| or more, and that row.

    The extremes are known from the statistics; a column is read only where one of them stands out.
    """
    found: list[Outlier] = []
    for target, grouped in summary.attributions.items():
        overall = grouped.overall
        if overall.count:
            found += _of_target(run, files, target, overall)
    return found


def _of_target(run: Folder, files: Sequence[str], target: str, overall: FeatureStatistics) -> list[Outlier]:
    extremes = np.maximum(np.abs(overall.minimum), np.abs(overall.maximum))
    totals = overall.abs_mean * overall.count
    shares = np.divide(extremes, totals, out=np.zeros_like(totals), where=totals > 0)
    outstanding = np.flatnonzero(shares >= max(_SHARE, _TIMES / overall.count))
    leading = sorted(outstanding.tolist(), key=lambda place: -overall.abs_mean[place])[:_MOST]
    found = []
    for place in leading:
        name = overall.features[place]
        row_id, attribution = _greatest(run, files, target, name)
        rest = (totals[place] - abs(attribution)) / (overall.count - 1) if overall.count > 1 else None
        found.append(
            Outlier(
                target=target,
                feature=name,
                row_id=row_id,
                attribution=attribution,
                share=min(float(abs(attribution) / totals[place]), 1.0),
                abs_mean_without=None if rest is None else max(float(rest), 0.0),
            )
        )
    return found


def _greatest(run: Folder, files: Sequence[str], target: str, feature: str) -> tuple[str, float]:
    """The row with the greatest |attribution| of a feature, the first of several."""
    best = ("", 0.0)
    for file in files:
        table = run.read_table(file, columns=["row_id", "target", _ATTRIBUTION + feature])
        table = table.filter(pc.equal(table.column("target"), target))
        values = table.column(_ATTRIBUTION + feature).to_numpy()
        if not len(values):
            continue
        place = int(np.argmax(np.abs(values)))
        if abs(values[place]) > abs(best[1]):
            best = (str(table.column("row_id")[place].as_py()), float(values[place]))
    return best
