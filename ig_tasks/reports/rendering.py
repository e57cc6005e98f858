"""One rendering of a run: its checks, its report and its page, under a revision that is never written twice.

Thresholds, labels and what the report shows decide a rendering, not the run's numbers: changing them validates and
renders again, and adds a revision.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.data.features import image_grids
from ig_tasks.data.inputs import feature_names
from ig_tasks.errors import DamagedError, RunError
from ig_tasks.reports.assemble import Findings, assemble_report
from ig_tasks.reports.dependence import dependence
from ig_tasks.reports.examples import choose_examples
from ig_tasks.reports.groups import group_importance, group_statistics
from ig_tasks.reports.objections import baseline_objections
from ig_tasks.reports.outliers import outliers
from ig_tasks.reports.page_drawing import draw_page
from ig_tasks.reports.reasons.publishing import reason_files, write_reason_files
from ig_tasks.reports.rendering_key import Served, key_of_revision, rendering_key
from ig_tasks.reports.validation_result import Judged
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.store import Manifest, RunFolder, read_sealed, set_aside
from ig_tasks.store.report import Check, Report
from ig_tasks.store.runs import revised
from ig_tasks.store.sealed import Say, create_sealed

_KINDS = ("json", "html")
_MOST_EXAMPLES = 50
"""Rows that were asked for by their ids are all shown, up to this many."""


class Rendering:
    """The revision of a run's report that belongs to a spec's thresholds and labels."""

    def __init__(
        self,
        run: RunFolder,
        spec: ExplanationSpec,
        revision: int,
        served: Served = None,
        reference: RunFolder | None = None,
        awaits_launch: bool = False,
    ) -> None:
        self.run, self.spec, self.revision, self.served = run, spec, revision, served
        self.reference, self.awaits_launch = reference, awaits_launch

    @classmethod
    def of(
        cls,
        run: RunFolder,
        spec: ExplanationSpec,
        served: Served = None,
        reference: RunFolder | None = None,
        *,
        awaits_launch: bool = False,
        say: Say,
    ) -> Rendering:
        """The revision that has this rendering's checks already, or the next free one.

        What is damaged of a revision that is looked at is set aside, to be carried out and rendered again.

        Args:
            served: the model that is served, where the run is compared with one.
            awaits_launch: no launch report is registered to compare the run with.
        """
        key = rendering_key(spec, served, reference, awaits_launch)
        revision = 1
        while (stored_key := key_of_revision(run, revision, say)) not in (None, key):
            revision += 1
        rendering = cls(run, spec, revision, served, reference, awaits_launch)
        if stored_key is not None:
            rendering._mend(say)
        return rendering

    @cached_property
    def key(self) -> str:
        """A digest of the settings that the report depends on: thresholds, labels, what it shows."""
        return rendering_key(self.spec, self.served, self.reference, self.awaits_launch)

    @property
    def has_checks(self) -> bool:
        """Whether the checks of this revision are in the store."""
        return self.run.exists(revised("validation.json", self.revision))

    @property
    def is_written(self) -> bool:
        """The report is written after its page, so where it is, both are."""
        return self.run.exists(revised("report.json", self.revision))

    @property
    def draws_apart(self) -> bool:
        """Whether the page is drawn in a process that may die of it; with `workers: 0` a run has one process."""
        return self.spec.compute.workers != 0

    def _mend(self, say: Say) -> None:
        """Set a damaged report aside, to be rendered again; a damaged page is rendered again from its report."""
        if not self.is_written:
            return
        manifest, report, page = Manifest(self.run), *(revised(f"report.{kind}", self.revision) for kind in _KINDS)
        try:
            text = manifest.read(report, known=True)
        except DamagedError as error:
            say(set_aside(self.run, report, error))
            return
        try:
            manifest.read(page, known=True)
        except DamagedError as error:
            say(set_aside(self.run, page, error))
            self._write_page(Report.from_json(text), text)

    @property
    def report_uri(self) -> str:
        """The URI of this revision's report.json."""
        return self.run.uri_of(revised("report.json", self.revision))

    @property
    def page_uri(self) -> str:
        """The URI of this revision's report.html."""
        return self.run.uri_of(revised("report.html", self.revision))

    def write_checks(self, judged: Judged) -> None:
        """Write validation.json: checks, and what was found with them.

        Whose checks are there first has the revision. A rendering that was carried out at the same moment takes the
        next one, unless it is the same: then the checks that are there are its own.
        """
        document = {"rendering": self.key, **judged.to_json()}
        while not create_sealed(self.run, revised("validation.json", self.revision), document):
            if self._checks_document()["rendering"] == self.key:
                return
            self.revision += 1

    def read_checks(self) -> list[Check]:
        """The checks of this revision, in the order in which they were carried out."""
        return list(self.read_judged().checks)

    def read_judged(self) -> Judged:
        """Checks, verdicts, drift and the model's quality of this revision."""
        return Judged.from_json(self._checks_document())

    def write(self, facts: PlanFacts, summary: RunSummary, space: str) -> str:
        """Write the page, then the report, unless they are there; returns the report's URI."""
        if not self.is_written:
            why_not = self.read_judged().ablation_why_not
            reasons = reason_files(self.run, self.spec, facts, summary, why_not)
            findings = replace(self._findings(facts, summary, space), reasons=None if reasons is None else reasons.info)
            report = assemble_report(findings, revision=self.revision)
            write_reason_files(self.run, report, reasons)
            self._publish(report)
        return self.report_uri

    def _publish(self, report: Report) -> None:
        text = report.to_json().encode("utf-8")
        self._write_page(report, text)
        name = revised("report.json", self.revision)
        if not self.run.create_bytes(name, text):
            # Somebody rendered the same at the same moment, and was first: the page goes with that report.
            self._write_page(self.run.read_report(self.revision), self.run.read_bytes(name))

    def _write_page(self, report: Report, text: bytes) -> None:
        """Write the page of a report, and note both; noted first, a report that is there is always known."""
        page = draw_page(report, text.decode("utf-8"), apart=self.draws_apart).encode("utf-8")
        self.run.write_bytes(revised("report.html", self.revision), page)
        files = {revised("report.html", self.revision): page, revised("report.json", self.revision): text}
        Manifest(self.run).record_files(files)

    def _checks_document(self) -> dict[str, Any]:
        try:
            return read_sealed(self.run, revised("validation.json", self.revision))
        except FileNotFoundError:
            raise RunError(f"run {self.run.uri}: its checks are not carried out; run validate first") from None

    def _findings(self, facts: PlanFacts, summary: RunSummary, space: str) -> Findings:
        run = self.run.checked(summary.files)
        examples = choose_examples(
            run,
            summary.attribution_files,
            summary.merged,
            max(self.spec.report.examples, min(_MOST_EXAMPLES, len(self.spec.data.rows))),
            image_grids(facts.config.inputs),
            feature_names(facts.config.inputs),
        )
        baseline = Baseline.of_run(self.run, facts.config.inputs)
        groups = groups_of([feature.name for feature in facts.features], self.spec.features)
        clustered = self.spec.data.cluster is not None
        contributions = group_statistics(run, summary.attribution_files, groups, clustered=clustered)
        return Findings(
            spec=self.spec,
            facts=facts,
            served_digest=self.served.digest if self.served else "",
            run_id=self.run.run_id,
            summary=summary.merged,
            baseline=baseline,
            space=space,
            judged=self.read_judged(),
            examples=examples,
            groups=group_importance(contributions, groups),
            objections=baseline_objections(
                run,
                summary.attribution_files,
                summary.merged,
                baseline.describe(facts.config.inputs),
                space=space,
                strategy=self.spec.baseline.strategy,
                baselines=baseline.count,
            ),
            outliers=outliers(run, summary.attribution_files, summary.merged, groups, contributions),
            manifest=Manifest(self.run).document,
            rendering=self.key,
            dependence=dependence(
                run, summary.attribution_files, summary.merged, keep_inputs=self.spec.report.keep_inputs
            ),
        )
