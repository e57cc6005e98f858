"""What becomes of a report: which failed checks withhold it, and what feature validation makes of a published one.

Drift and verdicts say that a model has changed, not that its numbers are wrong. Where a spec has a person decide on
them, the report is published, and feature validation waits for the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from ig_tasks.spec.approval_section import ApprovalSpec
from ig_tasks.store import Folder, read_sealed, write_sealed
from ig_tasks.store.clock import now
from ig_tasks.store.report import Check, Report
from ig_tasks.store.report_values import Part
from ig_tasks.store.runs import revised

__all__ = ["JUDGED", "Answer", "Decision", "decide", "keep_answer", "read_answers", "withholding"]

JUDGED = ("drift", "verdicts")
"""The checks on which a person may decide."""

_RECORD = "feature_validation.json"

Action = Literal["pass", "warn", "wait", "fail"]


class Decision(Part):
    """What feature validation makes of a report.

    action: `pass`: nothing was found; `warn`: warnings alone; `wait`: a person decides; `fail`.
    features: those that the findings are about, as people call them.
    findings: a sentence each, the gravest first.
    """

    action: Action
    features: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class Answer(Part):
    """What was decided, by whom and when; kept in the run's folder, beside the revision it is about."""

    approved: bool
    by: str
    at: str
    findings: tuple[str, ...] = ()


def withholding(checks: Sequence[Check], approval: ApprovalSpec) -> list[Check]:
    """The failed checks that withhold a report: the critical ones on which nobody decides."""
    return [
        check
        for check in checks
        if not check.success
        and check.severity == "critical"
        and not (check.name in JUDGED and approval.asks_for(check.severity))
    ]


def decide(report: Report, approval: ApprovalSpec) -> Decision:
    """What its checks, drift and verdicts make of a report; nothing is computed.

    Args:
        approval: of the spec as it is now.
    """
    failed = report.failed()
    findings = tuple(
        dict.fromkeys(sentence for check in _gravest_first(failed) for sentence in _check_sentences(report, check))
    )
    judged = [check for check in failed if check.name in JUDGED]
    action: Action = "warn" if failed else "pass"
    if not report.published or withholding(failed, approval):
        action = "fail"
    elif any(approval.asks_for(check.severity) for check in judged):
        action = "wait"
    return Decision(action=action, features=tuple(dict.fromkeys(_features_in_question(report))), findings=findings)


def read_answers(run: Folder, revision: int) -> list[Answer]:
    """What was decided on a revision, the last answer at the end; empty where nobody was asked yet.

    Raises:
        DamagedError: if the record is not what was written.
    """
    name = revised(_RECORD, revision)
    document = read_sealed(run, name) if run.exists(name) else {"answers": []}
    return [Answer.model_validate(answer) for answer in document["answers"]]


def keep_answer(run: Folder, revision: int, *, approved: bool, by: str, findings: Sequence[str]) -> Answer:
    """Keep what was decided on a revision, after what was decided before."""
    answer = Answer(approved=approved, by=by, at=now(), findings=tuple(findings))
    answers = [*read_answers(run, revision), answer]
    write_sealed(
        run, revised(_RECORD, revision), {"answers": [kept_answer.model_dump(mode="json") for kept_answer in answers]}
    )
    return answer


def _gravest_first(checks: Sequence[Check]) -> list[Check]:
    return sorted(checks, key=lambda check: (check.severity != "critical", check.name not in JUDGED))


def _check_sentences(report: Report, check: Check) -> Iterator[str]:
    """A failed check in sentences: those of the features it is about, where it is about features."""
    sentences: list[str] = []
    if check.name == "drift" and report.drift is not None:
        sentences = [alarm.sentence for alarm in report.drift.alarms if alarm.sentence]
    elif check.name == "verdicts":
        sentences = [verdict.why for verdict in report.verdicts if verdict.severity != "note"]
    yield from sentences or [f"{check.name}: {check.description}".rstrip()]


def _features_in_question(report: Report) -> Iterator[str]:
    if report.drift is not None:
        yield from (report.label(alarm.feature) for alarm in report.drift.alarms)
    for verdict in report.verdicts:
        if verdict.severity != "note" and verdict.feature:
            yield report.label(verdict.feature)
            if verdict.other is not None:
                yield report.label(verdict.other)
