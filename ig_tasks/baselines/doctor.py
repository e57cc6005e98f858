"""The baseline doctor: what speaks against a baseline, how much rankings hang on it, and which one to take.

A wrong baseline gives attributions that are complete, converged and beside the question, so nothing else finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ig_tasks.attribution.feeds import Layers
from ig_tasks.baselines.assessment import BaselineAssessment, BaselineFindings, recommended
from ig_tasks.baselines.examination import examine_baseline
from ig_tasks.baselines.examined_rows import ExaminedRows
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.strategy import Strategy, strategy_spec
from ig_tasks.errors import BaselineError

__all__ = ["BaselineAssessment", "BaselineFindings", "judge_baselines"]


def judge_baselines(
    model: Any,
    inputs: Any,
    *,
    baselines: Mapping[str, Any] | Sequence[Any] | None = None,
    reference: Any = None,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    space: str | None = None,
    layers: Layers | None = None,
    tolerance: float = 0.05,
    max_evaluations: int = 257,
) -> BaselineAssessment:
    """Explain the same rows from several baselines, and say what was found.

    Args:
        model: as for `explain`.
        inputs: as for `explain`; some hundred rows are enough.
        baselines: candidates by name, or a list of strategies; left out: auto, mean, mode, zero, eight samples, and of
            images and series a blur.
        reference: data on which strategies are fitted, and whose range and outputs baselines are held against; left
            out: the rows themselves.
        target: as for `explain`. With "all" each output is judged by itself, and a feature's mean |attribution| is
            over rows and outputs.
        space: of a loaded model's target.
        tolerance: of these explanations; rankings need no more.
        max_evaluations: of these explanations.

    Raises:
        UserError: for a model or inputs that cannot be explained. A candidate that does not fit is set aside, with the
            reason.
    """
    case = ExaminedRows.of(model, inputs, reference, fixed, target, space, layers)
    findings: list[BaselineFindings] = []
    failures: dict[str, str] = {}
    for name, candidate in _candidates(baselines, case).items():
        try:
            starts, shares = case.starts(candidate)
            findings.append(examine_baseline(case, name, starts, shares, tolerance, max_evaluations))
        except BaselineError as error:
            failures[name] = str(error)
    if not findings:
        raise BaselineError("baselines: none could be tried: " + "; ".join(failures.values()))
    common, times = case.most_common
    judged = BaselineAssessment(
        space=case.space,
        rows=case.rows,
        features=case.features,
        output_spread=float(case.spread.mean()),
        common_row=common,
        common_rows=times,
        findings=tuple(findings),
        aside=failures,
    )
    return replace(judged, recommendation=recommended(judged))


def _candidates(baselines: Mapping[str, Any] | Sequence[Any] | None, case: ExaminedRows) -> dict[str, Any]:
    if isinstance(baselines, Mapping):
        return dict(baselines)
    if baselines is not None:
        return {_name(baseline): baseline for baseline in baselines}
    tried: dict[str, Any] = {name: name for name in ("auto", "mean", "mode", "zero")}
    tried["samples"] = Strategy("samples", k=min(8, case.rows))
    if any(layout.spatial and layout.spec is not None for layout in case.layouts.values()):
        tried["blur"] = "blur"
    return tried


def _name(candidate: Any) -> str:
    if isinstance(candidate, Baseline):
        return candidate.strategy
    spec = strategy_spec(candidate)
    if spec is None:
        raise BaselineError("baselines: give arrays a name, {name: baseline}")
    options = ", ".join(f"{name}={value}" for name, value in spec.options.items() if name != "seed")
    return f"{spec.strategy} ({options})" if options else spec.strategy
