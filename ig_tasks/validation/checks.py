"""The checks of a run, from its spec: which there are, how they are judged, and how they are worded."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ig_tasks.presentation.methods import method_facts
from ig_tasks.presentation.statuses import proven_by
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import RunFolder
from ig_tasks.store.report import Check
from ig_tasks.validation import suites
from ig_tasks.validation.expectations import Outcome, Suite
from ig_tasks.validation.shard_values import CHUNK_ROWS, Predicted
from ig_tasks.validation.shares import all_but
from ig_tasks.validation.tally import Tally, take


def run_checks(
    run: RunFolder,
    spec: ExplanationSpec,
    *,
    shards: Sequence[str],
    rows_read: int,
    rows_explained: int,
    rows_quarantined: int,
    predicted: Predicted | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> list[Check]:
    """Judge the attributions of a run by the thresholds of its spec.

    Args:
        run: the run's folder, on any filesystem.
        spec: its validation section holds the thresholds; `data.prediction` asks for parity.
        shards: names of the Parquet files in the folder, one row for each (row_id, target).
        rows_read, rows_explained, rows_quarantined: what the run says of its rows, each row counted once.
        predicted: the space of the stored predictions, if it is not the one explained.
        chunk_rows: rows judged at once; the result does not depend on it, the memory taken does.

    Returns:
        completeness (where the method has it), converged, quarantined, attributions_finite, row_ids_unique,
        rows_complete and, with a stored prediction, parity. Shares are from 0 to 1 and None where there was nothing to
        judge.

    Raises:
        CheckBrokenError: a check could not be carried out: a shard or a column is not there, or Great
            Expectations could not evaluate it. That says nothing about the data.
    """
    parity = spec.data.prediction is not None
    tally = take(run, spec, shards, parity=parity, predicted=predicted, chunk_rows=chunk_rows)
    # Every target must have every explained row: a missing row of one is not made up by another's.
    short = sum(abs(rows_explained - rows) for rows in tally.by_target.values()) if tally.rows else rows_explained
    unaccounted = abs(rows_read - rows_explained - rows_quarantined) + short
    totals = {
        suites.QUARANTINED_SHARE: rows_quarantined / rows_read if rows_read else 0.0,
        suites.DUPLICATE_ROWS: float(tally.duplicates.rows),
        suites.UNACCOUNTED_ROWS: float(unaccounted),
    }
    tally.outcomes.update(Suite("totals", suites.of_totals(spec)).evaluate(pd.DataFrame([totals])))
    checks = [
        *([_completeness(spec, tally)] if "completeness" in tally.outcomes else []),
        _converged(spec, tally),
        _quarantined(spec, tally, rows_quarantined, rows_read),
        _finite(tally),
        _unique(tally),
        _complete(tally, unaccounted, rows_read, rows_explained, rows_quarantined),
    ]
    return [*checks, _parity(spec, tally, predicted)] if parity else checks


def _share(outcome: Outcome) -> float | None:
    return outcome.share if outcome.judged else None


def _completeness(spec: ExplanationSpec, tally: Tally) -> Check:
    section, outcome = spec.validation.completeness, tally.outcomes["completeness"]
    return Check(
        name="completeness",
        severity=section.severity,
        success=outcome.judged > 0 and outcome.share >= section.mostly,
        observed=_share(outcome),
        expected=f"at least {section.mostly}",
        description=(
            f"Share of rows whose attributions add up to output minus baseline output within {suites.within(spec)} "
            f"(relative): {all_but(outcome.unexpected, outcome.judged)}."
        ),
        remedy="Raise attribution.max_evaluations, or set attribution.precision to float64.",
    )


def _converged(spec: ExplanationSpec, tally: Tally) -> Check:
    section, outcome = spec.validation.converged, tally.outcomes["converged"]
    failed = outcome.unexpected - tally.unverified
    others = f" ({failed:,} did not, {tally.unverified:,} unverified)" if tally.unverified else ""
    remedy = "Raise attribution.max_evaluations, or allow a greater attribution.tolerance."
    if tally.unverified:
        method = spec.attribution.method
        why = method_facts(method).unproven or "a rule of fixed steps has no error estimate"
        remedy_of_method = proven_by(method)
        unproven = f"{remedy_of_method[:1].upper()}{remedy_of_method[1:]}: {why}, so that no row is proven"
        remedy = f"{unproven}. {remedy}" if failed else f"{unproven}."
    return Check(
        name="converged",
        severity=section.severity,
        success=outcome.judged > 0 and outcome.share >= section.at_least,
        observed=_share(outcome),
        expected=f"at least {section.at_least}",
        description=(
            "Share of rows whose integration reached the tolerance asked for: "
            f"{all_but(outcome.unexpected, outcome.judged)}{others}."
        ),
        remedy=remedy,
    )


def _quarantined(spec: ExplanationSpec, tally: Tally, quarantined: int, read: int) -> Check:
    section = spec.validation.quarantined
    return Check(
        name="quarantined",
        severity=section.severity,
        success=tally.outcomes["quarantined"].unexpected == 0,
        observed=quarantined / read if read else 0.0,
        expected=f"at most {section.at_most}",
        description=f"Share of the rows read that could not be explained: {quarantined:,} of {read:,}.",
        remedy="The report lists the reasons; correct the data, or the vocabulary in the model package.",
    )


def _finite(tally: Tally) -> Check:
    outcome = tally.outcomes["attributions_finite"]
    return Check(
        name="attributions_finite",
        severity="critical",
        success=outcome.unexpected == 0,
        observed=outcome.unexpected,
        expected=0,
        description=f"Rows with an attribution that is null or not finite, of {outcome.judged:,}.",
        remedy="Look for overflow in the model; set attribution.precision to float64.",
    )


def _unique(tally: Tally) -> Check:
    duplicates = tally.duplicates
    instance = f" For instance {_quoted(duplicates.example)}." if duplicates.example is not None else ""
    return Check(
        name="row_ids_unique",
        severity="critical",
        success=tally.outcomes["row_ids_unique"].unexpected == 0,
        observed=duplicates.rows,
        expected=0,
        description=f"Rows without an id, or with the id of another row of the same target.{instance}",
        remedy="Name a column of unique ids in data.id, or leave it out: rows are then counted.",
    )


def _complete(tally: Tally, unaccounted: int, read: int, explained: int, quarantined: int) -> Check:
    targets = max(len(tally.by_target), 1)
    return Check(
        name="rows_complete",
        severity="critical",
        success=tally.outcomes["rows_complete"].unexpected == 0,
        observed=unaccounted,
        expected=0,
        description=(
            f"Rows unaccounted for: {read:,} read, {explained:,} explained, {quarantined:,} quarantined, "
            f"{tally.rows:,} in the shards for {targets} target{'s' * (targets != 1)}."
        ),
        remedy="Remove the folder attributions of this run and run again.",
    )


def _parity(spec: ExplanationSpec, tally: Tally, predicted: Predicted | None) -> Check:
    section, outcome = spec.validation.parity, tally.outcomes["parity"]
    output = "output" if predicted is None else f"{predicted.space}, told from the output explained,"
    worst = tally.worst_parity
    largest = (
        ""
        if worst is None
        else (
            f"; the largest difference is {worst.error:.2g} of that measure, in row {_quoted(worst.row_id)} "
            f"({worst.output:.6g}, stored {worst.prediction:.6g})"
        )
    )
    without = f" {outcome.missing:,} rows without a stored prediction were not compared." if outcome.missing else ""
    return Check(
        name="parity",
        severity=section.severity,
        success=outcome.judged == 0 or outcome.share >= section.mostly,
        observed=_share(outcome),
        expected=f"at least {section.mostly}",
        description=(
            f"Share of rows whose {output} equals the stored prediction within {section.tolerance} x "
            f"(1 + |prediction|): {all_but(outcome.unexpected, outcome.judged)}{largest}.{without}"
        ),
        remedy="The package is not the model that was served, or its inputs are: compare model.uri, target, space.",
    )


def _quoted(text: str, length: int = 60) -> str:
    return repr(text if len(text) <= length else text[: length - 1] + "…")
