"""A report in which drift or verdicts found something, and its file in a store."""

from __future__ import annotations

import runpy
from functools import cache
from pathlib import Path
from typing import Any

from ig_tasks.store.drift_parts import Drift, FeatureDrift
from ig_tasks.store.report import Check, Report, Verdict

DRIFT = "Departure delay lost half of its importance: the model uses it less."
VERDICT = "Distance works against the sign that is declared for it."

_SAMPLE = Path(__file__).resolve().parents[1] / "unit" / "reports" / "sample_report.py"


@cache
def _sample() -> Report:
    report: Report = runpy.run_path(str(_SAMPLE))["flights_report"]()
    return report


def check(name: str, severity: str, description: str) -> Check:
    return Check.model_validate(
        {"name": name, "severity": severity, "success": False, "observed": 1, "expected": 0, "description": description}
    )


def judged_report(
    *, drift: str | None = None, verdicts: str | None = None, others: tuple[Check, ...] = (), **changes: Any
) -> Report:
    """The sample report as spec `loans`, with an alarm on its second feature and a verdict on its third.

    Args:
        drift, verdicts: the severity of these checks, which fail; None: nothing was found.
        others: more checks.
    """
    report = _sample()
    second, third = (row.feature for row in report.ranking()[1:3])
    checks, found = [*report.checks, *others], report.drift
    if drift is not None:
        alarm = {"target": "late", "feature": second, "before": 0.4, "after": 0.2, "change": -0.2, "relative": -0.67,
                 "change_ci": (-0.22, -0.18), "q_value": 0.0, "state": "changed", "cause": ("model",),
                 "alarm": True, "sentence": DRIFT}  # fmt: skip
        run = {"name": "loans", "run_id": "2013-10-1", "partition": "2013-10", "rows": 10}
        found = Drift.model_validate(
            {"reference": run, "current": run, "comparable": True, "features": [FeatureDrift.model_validate(alarm)],
             "summary": "One feature changed."}
        )  # fmt: skip
        checks.append(check("drift", drift, "Features and groups whose importance changed."))
    said: tuple[Verdict, ...] = ()
    if verdicts is not None:
        said = (Verdict(feature=third, verdict="against_sign", why=VERDICT, severity=verdicts),)
        said += (Verdict(feature=second, verdict="ignored", why="A note.", severity="note"),)
        checks.append(check("verdicts", verdicts, "Verdicts on single features."))
    changed = {"name": "loans", "run_id": "2013-10-1", "partition": "2013-10", **changes}
    return report.model_copy(update={"checks": tuple(checks), "drift": found, "verdicts": said, **changed})


def write_report(store: Path, report: Report) -> str:
    """Its report.json and a page in the folder of its run; the URI of the first."""
    folder = store / report.name / report.run_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(report.to_json())
    (folder / "report.html").write_text("<!doctype html><title>A report</title>")
    return str(folder / "report.json")
