"""Everything that can be checked before a run: spec, model, layers, data, baseline, parity, on a handful of rows."""

from __future__ import annotations

from collections import Counter
from typing import Self

from ig_tasks.attribution.integrators.choice import proves_nothing
from ig_tasks.baselines.assessment import BaselineAssessment
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.doctor import Diagnosis
from ig_tasks.errors import ValidationFailedError
from ig_tasks.pipeline.model_stage import load_planned
from ig_tasks.pipeline.preflight import require_surroundings
from ig_tasks.pipeline.stage_workers import Log, to_stderr
from ig_tasks.presentation.methods import method_facts
from ig_tasks.presentation.statuses import PROVEN_BY, proven_by
from ig_tasks.presentation.visible import visible
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.baseline_doctor import judge_spec
from ig_tasks.stages.baseline_job import require_population
from ig_tasks.stages.plan_facts import facts_of
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.stages.run_reference import RunReference
from ig_tasks.stages.trial import UsableRows, diagnosis_of, examine_baseline, examine_rows
from ig_tasks.store import Store
from ig_tasks.validation import called_check, judge_unknown

_PLAIN = ("numeric", "categorical")
_WORKER_SECONDS = 10.0
_REASONS, _UNKNOWN = 10, 20
"""Lines of one kind at most: a table of 2,000 columns has as many reasons."""


class Checkup:
    """One look at one spec: planned once, on one worker, which starts when it is first needed and ends with the block.

    with Checkup(spec) as checkup:
        checkup.lines(), checkup.diagnosis(), checkup.baseline_assessment()

    Raises:
        UserError: what is wrong with the spec, the store, the package, the data, the partition or the baseline, in one
            line.
    """

    def __init__(self, spec: ExplanationSpec, *, partition: str | None = None, log: Log | None = None) -> None:
        self._spec, self._log = spec, log
        # A run waits for workers that may be starting; who asks what is missing is told that there are none.
        compute = spec.compute.with_workers(1)
        compute = compute.model_copy(update={"worker_timeout": min(compute.worker_timeout, _WORKER_SECONDS)})
        self._session = ComputeSession(compute, log=log or to_stderr)
        require_surroundings(spec, self._session)
        self._plan = plan_run(spec, partition)
        self._store = Store(spec.store_uri())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def lines(self) -> list[str]:
        """Everything that can be checked without computing; what was found, a line each.

        Raises:
            UserError: the first thing that is wrong, in one line.
            ValidationFailedError: the model is not the one that is served, and that check is critical.
        """
        spec, plan = self._spec, self._plan
        rows = examine_rows(plan)
        ref = load_planned(plan, session=self._session, log=self._log, stored=True, rows=rows)
        require_population(plan, self._session)
        package = plan.package
        kinds = Counter(feature.kind for feature in package.features)
        others = "".join(f", {count} {kind.replace('_', '-')}" for kind, count in kinds.items() if kind not in _PLAIN)
        model, data = ref.model, ref.data
        parity = _parity_lines(spec, ref)
        lines = [
            f"spec      {spec.name}: every key is known",
            f"model     {model.framework} {package.digest[:19]}: loads, runs and differentiates",
            f"target    {model.target} in {model.space} space{_threshold_words(plan)}",
            *([f"target    WARNING: {model.doubt}"] if model.doubt else []),
            f"features  {kinds.total()}: {kinds['numeric']} numeric, {kinds['categorical']} categorical{others}",
            f"data      {data.rows_available:,} rows of partition {ref.partition}; every column is there",
            f"baseline  {spec.baseline.strategy}, its data is there",
            *_rule_lines(spec),
            f"rows      {data.rows_usable} of {data.rows_tried} that were tried can be explained",
            *_reason_lines(rows),
            *_unknown_lines(plan, rows),
            *parity,
            f"store     {ref.store}",
        ]
        return [visible(line) for line in lines]

    def diagnosis(self) -> Diagnosis | None:
        """What the layer doctor said when the model was tried; None before that, or where it could not look at it."""
        return diagnosis_of(self._plan, self._store)

    def baseline_assessment(self) -> BaselineAssessment:
        """What the baseline doctor says of the spec's baseline and of others, on some hundred rows of the data.

        Raises:
            UserError: what keeps the model from being explained there.
        """
        return judge_spec(self._plan, self._session, say=self._log or to_stderr)


def _rule_lines(spec: ExplanationSpec) -> list[str]:
    """A warning where no row of the run can converge."""
    facts = method_facts(spec.attribution.method)
    if facts.unproven:
        return [
            f"method    WARNING: {facts.unproven}, so every row is unverified; {proven_by(spec.attribution.method)}"
        ]
    rule = spec.attribution.integrator
    if not proves_nothing(rule, spec.attribution.steps):
        return []
    return [f"rule      WARNING: {rule} has no error estimate, so every row would be unverified at best; {PROVEN_BY}"]


def _reason_lines(rows: UsableRows) -> list[str]:
    """Why rows cannot be explained, the most frequent reasons first."""
    lines = [f"rows      {count} of them: {reason}" for reason, count in rows.reasons.items()]
    more = len(lines) - _REASONS
    return lines[:_REASONS] + ([f"rows      and {more} reasons more"] if more > 0 else [])


def _unknown_lines(plan: RunPlan, rows: UsableRows) -> list[str]:
    """Which features hold categories that the model does not know; a warning where they are more than usual."""
    judged = judge_unknown(plan.spec, facts_of(plan), rows.unknown, examine_baseline(plan))
    lines = [
        f"unknown   {'' if unknown.success else 'WARNING: '}{unknown.describe('rows that were tried')}"
        for unknown in judged
    ]
    more = len(lines) - _UNKNOWN
    return lines[:_UNKNOWN] + ([f"unknown   and {more} features more"] if more > 0 else [])


def _threshold_words(plan: RunPlan) -> str:
    config = plan.target.config
    words = f"; {config.calibration.describe()}" if config.calibration else ""
    return words + (f"; a decision falls at {config.threshold:g}" if config.threshold is not None else "")


def _parity_lines(spec: ExplanationSpec, ref: RunReference) -> list[str]:
    """What `check` says of the served model and of stored predictions.

    Raises:
        ValidationFailedError: where a run would be withheld.
    """
    lines = []
    for compared, stored in ((ref.served, False), (ref.stored, True)):
        if compared is None:
            continue
        check = called_check(spec, Store(ref.store), compared, stored=stored)
        if not check.success and check.severity == "critical":
            raise ValidationFailedError(f"critical check failed: {check.name}: {check.description} {check.remedy}")
        who = "stored predictions agree" if stored else "the served model agrees"
        lines.append(f"parity    {who if check.success else 'WARNING'}: {check.description}")
    return lines
