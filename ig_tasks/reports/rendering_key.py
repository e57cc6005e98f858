"""The key of a rendering: a digest of the settings that a report depends on beside the run's numbers."""

from __future__ import annotations

from typing import Any

from ig_tasks.errors import DamagedError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.check_sections import ParityCheck, UnknownCheck
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.stages.run_reference import ComparedFacts
from ig_tasks.store import Manifest, RunFolder, run_key, set_aside, take_sealed
from ig_tasks.store.report import Report
from ig_tasks.store.runs import revised
from ig_tasks.store.sealed import Say

__all__ = ["FORMAT", "Served", "key_of_revision", "rendering_key"]

Served = ComparedFacts | None

FORMAT = 3
"""Raised when the page or the report changes so much that runs should be rendered again."""


def rendering_key(
    spec: ExplanationSpec, served: Served, reference: RunFolder | None = None, awaits_launch: bool = False
) -> str:
    """A digest of thresholds, labels, what the report shows, and what the run is compared with."""
    document = spec.to_document()
    shown = ("validation", "report", "features", "description", "owner", "tags")
    parity = document["validation"]["parity"]
    # Settings that came later are no part of the renderings that do not use them.
    later = {"space": None, "rows": ParityCheck().rows}
    if document["validation"]["unknown"] == UnknownCheck().model_dump(mode="json"):
        del document["validation"]["unknown"]
    document["validation"]["parity"] = {key: v for key, v in parity.items() if key not in later or v != later[key]}
    compared = {} if served is None else {"served": {"digest": served.digest, "file": served.file}}
    grouped: dict[str, Any] = {"groups": 1} if any(feature.group for feature in spec.features.values()) else {}
    # A report says of itself whether it is official: the same numbers have a page for each.
    adhoc = {"overrides": document["overrides"]} if spec.overrides else {}
    for feature in document["features"].values():
        for later_key in ("follows_partition", "expected_sign"):
            if not feature[later_key]:
                del feature[later_key]
    usual = document["verdicts"] == VerdictsSpec().model_dump(mode="json")
    judged = {} if usual else {"verdicts": document["verdicts"]}
    judged |= {} if spec.approval.severity is None else {"approval": spec.approval.severity}
    judged_by = {name: value for name, value in document["drift"].items() if name != "keep_model_mb"}
    drift = {} if reference is None else {"drift": {**judged_by, "reference": reference.run_id}}
    drift = {"drift": {"reference": "no launch"}} if awaits_launch else drift
    reasons = {} if spec.reasons is None else {"reasons": document["reasons"]}
    if spec.reasons is not None and not spec.reasons.ablation:
        del document["reasons"]["ablation"]
    if spec.explanation_quality is not None:
        judged |= {"explanation_quality": document["explanation_quality"]}
    grouped |= {"intervals": "clusters"} if spec.data.cluster else {}
    shown_now = {name: document[name] for name in shown}
    return run_key({"format": FORMAT, **shown_now, **compared, **grouped, **adhoc, **drift, **judged, **reasons})


def key_of_revision(run: RunFolder, revision: int, say: Say) -> str | None:
    """The key of the rendering that a revision belongs to; None where it is free."""
    document = take_sealed(run, revised("validation.json", revision), say)
    if document is not None:
        return str(document["rendering"])
    report = revised("report.json", revision)
    if not run.exists(report):
        return None
    try:
        return str(Report.from_json(Manifest(run).read(report, known=True)).provenance["rendering"])
    except DamagedError as error:
        say(set_aside(run, report, error))
        return None
