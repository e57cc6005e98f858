"""The expectations that a spec asks for, on the columns that this package makes."""

from __future__ import annotations

from ig_tasks.presentation.methods import method_facts
from ig_tasks.spec import ExplanationSpec
from ig_tasks.validation import shard_values
from ig_tasks.validation.expectations import Expected

QUARANTINED_SHARE, DUPLICATE_ROWS, UNACCOUNTED_ROWS = "quarantined_share", "duplicate_rows", "unaccounted_rows"


def of_rows(spec: ExplanationSpec, *, parity: bool) -> list[Expected]:
    """Expectations on one value per row, made by `shard_values.reduce_batch`."""
    checks = spec.validation
    expected = [
        Expected(
            name="completeness",
            column=shard_values.RELATIVE_DELTA,
            minimum=0.0,
            maximum=within(spec),
            mostly=checks.completeness.mostly,
            severity=checks.completeness.severity,
        ),
        Expected(
            name="converged",
            column=shard_values.STATUS,
            allowed=("converged",),
            mostly=checks.converged.at_least,
            severity=checks.converged.severity,
        ),
        Expected(
            name="attributions_finite", column=shard_values.ATTRIBUTIONS_FINITE, allowed=(True,), severity="critical"
        ),
    ]
    if not method_facts(spec.attribution.method).complete:  # its rows have no delta
        expected = [each for each in expected if each.name != "completeness"]
    if parity:
        expected.append(
            Expected(
                name="parity",
                column=shard_values.PARITY_ERROR,
                minimum=0.0,
                maximum=checks.parity.tolerance,
                mostly=checks.parity.mostly,
                severity=checks.parity.severity,
            )
        )
    return expected


def of_totals(spec: ExplanationSpec) -> list[Expected]:
    """Expectations on one frame of one row that holds the run's totals."""
    quarantined = spec.validation.quarantined
    return [
        Expected(
            name="quarantined",
            column=QUARANTINED_SHARE,
            minimum=0.0,
            maximum=quarantined.at_most,
            severity=quarantined.severity,
        ),
        Expected(name="row_ids_unique", column=DUPLICATE_ROWS, minimum=0.0, maximum=0.0, severity="critical"),
        Expected(name="rows_complete", column=UNACCOUNTED_ROWS, minimum=0.0, maximum=0.0, severity="critical"),
    ]


def within(spec: ExplanationSpec) -> float:
    """The greatest relative delta that counts as complete: the check's own, else the attribution tolerance."""
    own = spec.validation.completeness.within
    return own if own is not None else spec.attribution.tolerance
