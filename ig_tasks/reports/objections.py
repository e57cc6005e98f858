"""What the baseline doctor has against a run's baseline, found in the run's own rows.

Integration can be exact, every check pass, and the question still be the wrong one: nothing else in a run sees that.
`ig-tasks check` judges several baselines on some hundred rows; this looks at all rows of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.baselines.assessment import SMALL_CHANGE, BaselineFindings
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import Folder
from ig_tasks.store.report import BaselineObjection

__all__ = ["FEWEST", "baseline_objections"]

_ATTRIBUTION = "attribution:"
FEWEST = 20
"""With fewer rows a percentile says nothing."""
_GIVEN = {"zero", "constant", "table"}
"""Strategies whose points are not made of data, and may lie where none is."""
Floats = NDArray[np.float64]


def baseline_objections(
    run: Folder,
    files: Sequence[str],
    summary: ShardSummary,
    values: Mapping[str, float | str],
    *,
    space: str,
    strategy: str,
    baselines: int = 1,
) -> list[BaselineObjection]:
    """What speaks against the baseline, the gravest first; empty where nothing does or there are too few rows.

    Only the columns of outputs are read, and the attributions of rows whose output is that at the baseline.

    Args:
        values: what the baseline holds of each feature, as `Baseline.describe` says it.
    """
    if summary.rows_explained < FEWEST:
        return []
    at = _mean_at_baseline(run, files, summary)
    spread = float(next(iter(summary.outputs.values())).std_dev[0])
    below = same = small = untouched = 0
    for output, start, shard in _outputs(run, files):
        below += int((output < at).sum())
        same += int((output == at).sum())
        moved = np.abs(output - start)
        small += int((moved <= SMALL_CHANGE * spread if spread > 0 else moved == 0).sum())
        untouched += _all_zero(run, shard, moved == 0)
    rows = summary.rows_explained
    findings = BaselineFindings(
        name=strategy,
        baselines=baselines,
        output=at,
        percentile=100 * (below + 0.5 * same) / rows,
        small_share=small / rows,
        outside=_outside(summary, values) if strategy in _GIVEN else {},
        identical_rows=untouched,
        common_row=False,
        abs_mean=(),
        converged=np.nan,
        evaluations=np.nan,
    )
    return [BaselineObjection(kind=kind, words=words) for kind, words in findings.problems(space, 1).items()]


def _outputs(run: Folder, files: Sequence[str]) -> Iterator[tuple[Floats, Floats, str]]:
    """(output, output at the baseline, file) of every shard."""
    for file in files:
        table = run.read_table(file, columns=["output", "baseline_output"])
        if table.num_rows:
            yield _floats(table, "output"), _floats(table, "baseline_output"), file


def _mean_at_baseline(run: Folder, files: Sequence[str], summary: ShardSummary) -> float:
    shared = next(iter(summary.baseline_output.values()), None)
    if shared is not None:
        return float(shared)
    total = sum(float(start.sum()) for _, start, _ in _outputs(run, files))
    return total / summary.rows_explained


def _all_zero(run: Folder, file: str, still: NDArray[np.bool_]) -> int:
    """How many of the rows whose output is that at the baseline have nothing but zeros."""
    if not still.any():
        return 0
    table = run.read_table(file)
    zero = still.copy()
    for name in table.column_names:
        if name.startswith(_ATTRIBUTION):
            zero &= _floats(table, name) == 0
    return int(zero.sum())


def _outside(summary: ShardSummary, values: Mapping[str, float | str]) -> dict[str, str]:
    """{feature: where the baseline lies, and the data does not}, of numbers."""
    outside: dict[str, str] = {}
    numbers = summary.numbers
    for place, name in enumerate(numbers.features):
        value = values.get(name)
        low, high = float(numbers.minimum[place]), float(numbers.maximum[place])
        if not isinstance(value, float | int) or isinstance(value, bool) or not np.isfinite([low, high]).all():
            continue
        slack = 1e-6 * max(abs(low), abs(high))
        if not low - slack <= value <= high + slack:
            outside[name] = f"{value:.4g}, where the data has {low:.4g} to {high:.4g}"
    return outside


def _floats(table: pa.Table, name: str) -> Floats:
    values: Floats = table.column(name).to_numpy().astype(np.float64)
    return values
