"""All verdicts of a run, and the check that is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ig_tasks.models.loss import is_loss
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report import Check, Quality, Verdict
from ig_tasks.validation.drift.period import Period
from ig_tasks.validation.verdicts.baselines import BaselineTable, unstable_verdicts
from ig_tasks.validation.verdicts.labelled import labelled_verdicts
from ig_tasks.validation.verdicts.pairs import opposing_verdicts, redundant_verdicts
from ig_tasks.validation.verdicts.single import single_verdicts
from ig_tasks.validation.verdicts.whole import gained_verdicts, low_data_verdicts

__all__ = ["judge_features", "verdicts_check"]


def judge_features(
    run: Period,
    spec: ExplanationSpec,
    *,
    quality: Sequence[Quality] = (),
    drift: Drift | None = None,
    baselines: BaselineTable | None = None,
) -> list[Verdict]:
    """What is to be said of the features of a run, by the thresholds of a spec.

    Args:
        quality: of the run's model, where outcomes are known.
        drift: the comparison with an earlier run, if there is one.
        baselines: the baseline doctor's table of the model, if there is one.

    Raises:
        DamagedError: if a file of the run is not what was written.
    """
    if not run.summary.merged.rows_explained:
        return []
    settings = spec.verdicts
    values, numbers, labels = _sample(run, settings.rows)
    presented, signed = spec.features, not is_loss(spec.model.space)
    return [
        *single_verdicts(run, settings, presented, quality[0] if quality else None, signed=signed),
        *redundant_verdicts(run, settings, numbers, labels, presented),
        *opposing_verdicts(run, settings, values, presented),
        *([] if baselines is None else unstable_verdicts(run.target, baselines, settings, presented)),
        *([] if drift is None else gained_verdicts(drift, settings, presented)),
        *low_data_verdicts(run, settings),
        *(verdict for judged in quality for verdict in labelled_verdicts(judged, settings, presented)),
    ]


def verdicts_check(verdicts: Sequence[Verdict]) -> Check | None:
    """The check `verdicts`: none is a warning or critical; None where there are only notes."""
    grave = [verdict for verdict in verdicts if verdict.severity != "note"]
    if not grave:
        return None
    named = "; ".join(verdict.why.rstrip(".") for verdict in grave[:5])
    return Check(
        name="verdicts",
        severity="critical" if any(verdict.severity == "critical" for verdict in grave) else "warning",
        success=False,
        observed=len(grave),
        expected=0,
        description=f"Verdicts on single features that the spec does not take as notes. {named}.",
        remedy=" ".join(dict.fromkeys(verdict.remedy for verdict in grave[:3])),
    )


def _sample(run: Period, rows: int) -> tuple[np.ndarray, pd.DataFrame, pd.DataFrame]:
    """Attributions (rows, features) of rows spread evenly over the run, and what they held: numbers, categories.

    The same rows whatever the shards: every n-th in the order of the run.
    """
    merged = run.summary.merged
    stride = max(1, -(-merged.rows_explained // rows))
    keep_inputs = run.spec.report.keep_inputs
    numbers = [name for name in run.features if keep_inputs and name in merged.numbers.features]
    labels = [name for name in run.features if keep_inputs and name in merged.categories]
    tables, first = [], 0
    for table in run.tables(run.features, [*numbers, *labels]):
        wanted = np.arange(-first % stride, table.num_rows, stride)
        tables.append(table.take(wanted))
        first += table.num_rows
    frames = [table.to_pandas() for table in tables]
    frame = pd.concat(frames, ignore_index=True)
    values = frame[[f"attribution:{name}" for name in run.features]].to_numpy(np.float64)
    names_of: Mapping[str, list[str]] = {"numbers": numbers, "labels": labels}
    columns = {
        kind: frame[[f"input:{name}" for name in names]].set_axis(names, axis=1) for kind, names in names_of.items()
    }
    return values, columns["numbers"], columns["labels"]
