"""What becomes of a report, by severity and by whom the spec has decide."""

import pytest
from support.judged_report import DRIFT, VERDICT, check, judged_report

from ig_tasks.errors import DamagedError
from ig_tasks.spec.approval_section import ApprovalSpec
from ig_tasks.store import Folder
from ig_tasks.validation.decision import decide, keep_answer, read_answers, withholding

NOBODY = ApprovalSpec()
CRITICAL = ApprovalSpec(severity="critical")
WARNING = ApprovalSpec(severity="warning")


@pytest.mark.parametrize(
    ("found", "approval", "action"),
    [
        ({}, NOBODY, "pass"),
        ({}, WARNING, "pass"),
        ({"drift": "warning"}, NOBODY, "warn"),
        ({"drift": "warning"}, CRITICAL, "warn"),
        ({"drift": "warning"}, WARNING, "wait"),
        ({"verdicts": "critical"}, NOBODY, "fail"),
        ({"verdicts": "critical"}, CRITICAL, "wait"),
        ({"verdicts": "critical"}, WARNING, "wait"),
        ({"drift": "critical", "verdicts": "warning"}, CRITICAL, "wait"),
        ({"others": (check("converged", "warning", "Rows that converged."),)}, WARNING, "warn"),
        # Nobody decides on numbers that are wrong.
        ({"others": (check("parity", "critical", "Another model."),)}, WARNING, "fail"),
        ({"drift": "critical", "state": "withheld"}, WARNING, "fail"),
    ],
)
def test_severity_and_spec_decide(found, approval, action):
    assert decide(judged_report(**found), approval).action == action


def test_a_decision_names_features_and_causes_the_gravest_first():
    report = judged_report(drift="warning", verdicts="critical", others=(check("converged", "warning", "Too few."),))
    decision = decide(report, WARNING)
    assert decision.findings == (VERDICT, DRIFT, "converged: Too few.")
    second, third = (report.label(row.feature) for row in report.ranking()[1:3])
    assert decision.features == (second, third)


def test_a_check_without_features_says_what_it_found():
    launch = check("drift", "warning", "No launch report is registered.")
    assert decide(judged_report(others=(launch,)), NOBODY).findings == ("drift: No launch report is registered.",)


def test_only_what_nobody_decides_on_withholds():
    checks = [check("drift", "critical", ""), check("verdicts", "critical", ""), check("parity", "critical", "")]
    checks.append(check("converged", "warning", ""))
    assert [one.name for one in withholding(checks, NOBODY)] == ["drift", "verdicts", "parity"]
    for approval in (CRITICAL, WARNING):
        assert [one.name for one in withholding(checks, approval)] == ["parity"]


def test_answers_are_kept_beside_the_revision_they_are_about(tmp_path):
    run = Folder(str(tmp_path))
    assert read_answers(run, 1) == []
    first = keep_answer(run, 2, approved=False, by="Ada", findings=[DRIFT])
    second = keep_answer(run, 2, approved=True, by="Eve", findings=[DRIFT])
    assert read_answers(run, 1) == []
    assert read_answers(run, 2) == [first, second]
    assert (first.approved, first.by, first.findings) == (False, "Ada", (DRIFT,))
    file = tmp_path / "feature_validation.r2.json"
    file.write_text(file.read_text().replace("Ada", "Bob"))
    with pytest.raises(DamagedError):
        read_answers(run, 2)
