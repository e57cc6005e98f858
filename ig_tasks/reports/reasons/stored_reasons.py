"""The reasons of a finished run: all of its adverse rows, or one of them as a letter. Only the run's folder is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.compute as pc
from pydantic import ValidationError

from ig_tasks.errors import InputError, RunError, SpecError
from ig_tasks.explanations.finished_run import FinishedRun
from ig_tasks.reports.numerals import beside, exact
from ig_tasks.reports.reasons.letter import Letter
from ig_tasks.reports.reasons.reason_files import ReasonFiles
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.messages import first_error
from ig_tasks.spec.reasons_section import ReasonsSpec
from ig_tasks.stages.aggregation import QUARANTINE
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.stages.reasons.ablation import with_ablations
from ig_tasks.stages.reasons.finding import AdverseRow, ReasonedRun
from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.stages.reasons.without import Without, without

__all__ = ["StoredReasons", "asked_reasons"]

_INPUT = "input:"


def asked_reasons(spec: ExplanationSpec, changes: Mapping[str, Any]) -> ReasonsSpec:
    """The section `reasons` of a spec, with keys of it replaced; `changes` that are None replace nothing.

    Raises:
        SpecError: if there is neither a section nor a threshold and a side, or a value does not fit.
    """
    replaced = {name: value for name, value in changes.items() if value is not None}
    own = {} if spec.reasons is None else spec.reasons.model_dump(mode="json")
    missing = [name for name in ("threshold", "adverse") if name not in {**own, **replaced}]
    if missing:
        raise SpecError(
            f"reasons.{missing[0]}: it is nowhere said which decisions are adverse; give --threshold and --adverse, or "
            "write the section reasons into the spec"
        )
    try:
        return ReasonsSpec.model_validate({**own, **replaced})
    except ValidationError as error:
        raise SpecError(f"reasons.{first_error(error, ReasonsSpec)}") from None


class StoredReasons:
    """The reasons of a run, by its own spec or by one that says more.

    Args:
        run: whose attributions are computed.
        asked: which decisions are adverse, and how reasons are told.
        spec: whose labels and groups count; None: the run's own.

    Raises:
        RunError: if an earlier version wrote the run, and kept too little of it.
        SpecError, DataError: if what is asked does not fit the run's model.
    """

    def __init__(self, run: ComputedRun, section: ReasonsSpec, spec: ExplanationSpec | None = None) -> None:
        facts = run.plan
        if facts is None:
            raise RunError(f"run {run.folder.uri}: it holds no plan.json; validate it with this version first")
        self.run = run
        names = [feature.name for feature in facts.features]
        self.rules = ReasonRules.of(section, spec or run.spec, names, facts.target(run.spec))
        rows = ReasonedRun.of_computed(run, facts, self.rules)
        self._rows = with_ablations(rows, run.folder, run.document["key_parts"])

    def rows(self) -> Iterator[AdverseRow]:
        """Every adverse row, in the order of the run. Raises DamagedError."""
        return self._rows.adverse_rows()

    def files(self) -> ReasonFiles:
        """reasons.parquet, reasons.csv and their counts. Raises DamagedError."""
        return ReasonFiles(self.rows(), self.rules, self.run.summary.merged.rows_quarantined)

    def letter(self, row_id: str, finished: FinishedRun | None = None) -> Letter:
        """The letter of one row.

        Args:
            finished: the same run with its model, of which it is asked what the decision would be without each reason.

        Raises:
            UserError: what the model, or its data, say against that.
            InputError: if the run has no such row, it is in quarantine, or the decision on it was not adverse.
            ReportError: if the run has no report yet.
            DamagedError: if a table of the run is not what was written.
        """
        for file in self.run.summary.attribution_files:
            table = self.run.tables.read_table(file)
            place = pc.index(table.column("row_id"), row_id).as_py()
            if place < 0:
                continue
            stored_row = table.slice(place, 1)
            placed = next(self._rows.placed_rows(stored_row, self._rows.ablations.get(file), place), None)
            if placed is None:
                raise self._not_adverse(row_id, stored_row.column("output")[0].as_py())
            row = placed[1]
            values = {
                name.removeprefix(_INPUT): stored_row.column(name)[0].as_py()
                for name in stored_row.column_names
                if name.startswith(_INPUT)
            }
            answers = {reason.player.name: one for reason in row.reasons if (one := reason.without) is not None}
            if not answers and finished is not None and row.reasons:
                answers = self._counterfactuals(row, finished)
            return Letter(row, self.rules, self.run.report, values, answers)
        left = self.run.tables.read_table(QUARANTINE)
        place = pc.index(left.column("row_id"), row_id).as_py()
        if place >= 0:
            reason = left.column("reason")[place].as_py()
            raise InputError(f"row {row_id!r}: it could not be explained, so that it has no reasons: {reason}")
        raise InputError(f"row {row_id!r}: it is not a row of run {self.run.folder.uri}")

    def _counterfactuals(self, row: AdverseRow, finished: FinishedRun) -> dict[str, Without]:
        players = [reason.player for reason in row.reasons]
        ablation = finished.ablate(row.row_id, [player.features for player in players])
        results, changed = without(self.rules, ablation.outputs.T, ablation.shares)
        return {
            player.name: Without(*both)
            for player, *both in zip(players, results.tolist(), changed.tolist(), strict=True)
        }

    def _not_adverse(self, row_id: str, output: float) -> InputError:
        section = self.rules.section
        decided_on = float(self.rules.in_space([output])[0])
        result = beside(decided_on, section.threshold)
        return InputError(
            f"row {row_id!r}: the decision on it was not adverse; its result {result} is not {section.adverse} the "
            f"threshold {exact(section.threshold)}"
        )
