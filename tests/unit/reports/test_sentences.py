"""The sentence on top of a report, and the words for what was explained."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from ig_tasks.reports import sentences
from ig_tasks.reports.page import render_page
from ig_tasks.reports.terminal import print_report
from ig_tasks.store.report import BaselineObjection, Check, TargetInfo


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_report_whose_checks_all_passed_can_be_trusted_and_says_why(sample: SimpleNamespace) -> None:
    said = sentences.trust(sample.flights_report())
    assert (said.level, said.headline) == ("trusted", "These numbers can be trusted")
    assert plain(said.reason) == (
        "26,707 of 27,031 rows were explained, 99.96 % of them to within 1 % (12 not, and flagged), "
        "and all 6 checks passed."
    )


def test_rows_that_are_all_explained_and_all_converged_are_said_to_be(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    body["data"] |= {"rows_read": 26_707, "rows_quarantined": 0, "rows_unconverged": 0}
    said = sentences.trust(sample.flights_report(data=body["data"]))
    assert plain(said.reason) == ("All 26,707 rows were explained, every one to within 1 %, and all 6 checks passed.")


def test_unverified_rows_are_told_apart_and_are_nothing_to_trust_blindly(sample: SimpleNamespace) -> None:
    data = sample.flights_body()["data"] | {"rows_unverified": 26_695}
    said = sentences.trust(sample.flights_report(data=data))
    assert (said.level, said.headline) == ("care", "These numbers can be used with care")
    assert plain(said.reason) == (
        "26,707 of 27,031 rows were explained, 0 % of them to within 1 % (12 not, and flagged; 26,695 unverified: "
        "they add up, and their rule has no error estimate), and all 6 checks passed. To have every row proven, set "
        "attribution.integrator: auto and leave attribution.steps out."
    )
    withheld = sentences.trust(sample.withheld_report(data=data))
    assert withheld.reason.endswith("set attribution.integrator: auto and leave attribution.steps out.")


def test_a_warning_asks_for_care_and_says_what_was_seen(sample: SimpleNamespace) -> None:
    checks = sample.flights_body()["checks"]
    checks[1] = sample.check("converged", "warning", 0.91, "at least 0.95", success=False)
    said = sentences.trust(sample.flights_report(checks=checks))
    assert said.level == "care"
    assert said.reason.endswith("but 1 of 6 checks gave a warning: Converged (observed 0.91, expected at least 0.95).")


def test_a_withheld_report_names_the_critical_check_what_was_seen_and_what_was_expected(
    sample: SimpleNamespace,
) -> None:
    said = sentences.trust(sample.withheld_report())
    assert (said.level, said.headline) == ("withheld", "These numbers are withheld: do not use them")
    assert said.reason.startswith(
        "A critical check failed: Completeness (observed 0.93, expected at least 0.99 of rows within 0.01)."
    )


def test_a_report_without_checks_is_not_called_trusted(sample: SimpleNamespace) -> None:
    said = sentences.trust(sample.flights_report(checks=[]))
    assert (said.level, said.headline) == ("unchecked", "These numbers have not been checked")


def test_a_run_that_explained_nothing_says_so(sample: SimpleNamespace) -> None:
    data = sample.flights_body()["data"] | {"rows_explained": 0, "rows_quarantined": 27_031, "rows_unconverged": 0}
    assert "None of 27,031 rows could be explained" in sentences.trust(sample.flights_report(data=data)).reason


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("logit", "late, in log-odds (logit)"),
        ("probability", "late, in probability"),
        ("raw", "late, in the model's own units (raw)"),
        ("minutes_late", "late, in minutes late (minutes_late)"),
    ],
)
def test_the_target_is_said_with_its_units(space: str, words: str) -> None:
    assert sentences.target_words(TargetInfo(name="late", space=space)) == words


def test_a_checks_own_remedy_comes_before_the_general_one() -> None:
    seen = {"severity": "critical", "success": False, "observed": 0, "expected": 1}
    assert "max_evaluations" in sentences.remedy(Check(name="completeness", **seen))
    assert "Find the cause" in sentences.remedy(Check(name="other", **seen))
    assert sentences.remedy(Check(name="completeness", remedy="ask us.", **seen)) == "Ask us."


def test_the_method_is_said_with_rule_tolerance_and_cost(sample: SimpleNamespace) -> None:
    assert plain(sentences.method_words(sample.flights_report())) == (
        "Integrated Gradients (Sundararajan, Taly and Yan, 2017) by adaptive Clenshaw–Curtis quadrature, "
        "tolerance 1 % per row, 38.7 gradient evaluations per row on average"
    )


def test_a_report_on_everything_says_so(sample: SimpleNamespace) -> None:
    assert sentences.partition_words(sample.flights_report()) == "Partition 2013-11"
    assert sentences.partition_words(sample.flights_report(partition="all")) == "All partitions"
    data = sample.flights_body()["data"] | {"partition_column": ""}
    assert sentences.partition_words(sample.flights_report(partition="all", data=data)) == "All rows"


def test_what_is_left_out_is_counted() -> None:
    assert sentences.left_words(50, 1000, "features", "importance.parquet") == (
        "The first 50 of 1,000 features are shown; the other 950 are in importance.parquet."
    )
    assert sentences.left_words(3, 3, "features", "importance.parquet") == ""
    assert sentences.left_words(3, 4, "rows", "report.json") == (
        "The first 3 of 4 rows are shown; the last is in report.json."
    )


DOUBT = {"kind": "small", "words": "the output of 56 % of the rows hardly differs from that at the baseline"}


def test_a_proven_report_whose_baseline_is_in_doubt_says_both(sample: SimpleNamespace) -> None:
    baseline = sample.flights_body()["baseline"] | {"objections": [DOUBT]}
    said = sentences.trust(sample.flights_report(baseline=baseline))
    assert said.level == "care"
    objection = f"the question (baseline) has an objection: {DOUBT['words']}"
    assert plain(said.headline) == f"Integration proven to 1 % for 99.96 % of the rows; {objection}"
    data = sample.flights_body()["data"] | {"rows_unconverged": 0}
    second = DOUBT | {"kind": "sure"}
    every = sentences.trust(
        sample.flights_report(baseline=baseline | {"objections": [DOUBT, second]}, data=data)
    ).headline
    assert plain(every) == f"Integration proven to 1 %; {objection}, and 1 more"
    assert said.reason == sentences.trust(sample.flights_report()).reason
    assert said.doubt.startswith(f"About the baseline: {DOUBT['words']}. The attributions explain how")
    assert sentences.trust(sample.flights_report()).doubt == ""


def test_the_headline_says_what_the_report_says_of_itself(sample: SimpleNamespace) -> None:
    baseline = sample.flights_body()["baseline"] | {"objections": [DOUBT]}
    facts = {
        "trusted": False,
        "integration_proven": True,
        "integration": "Integration proven to 1 %: 26,695 of 26,707 rows.",
        "question_sound": False, "question": "The question (baseline) has an objection: it is small.",
    }  # fmt: skip
    said = sentences.trust(sample.flights_report(baseline=baseline, headline=facts))
    assert said.headline == (
        "Integration proven to 1 %: 26,695 of 26,707 rows; the question (baseline) has an objection: it is small"
    )
    facts |= {"integration_proven": False, "integration": "Integration not proven to 1 %: 0 of 5 rows."}
    said = sentences.trust(sample.flights_report(baseline=baseline, headline=facts))
    assert (said.level, said.headline) == ("care", "Integration not proven to 1 %: 0 of 5 rows")
    assert DOUBT["words"] in said.doubt


def test_a_doubt_takes_no_other_headlines_place(sample: SimpleNamespace) -> None:
    report = sample.withheld_report()
    doubted = report.model_copy(
        update={"baseline": report.baseline.model_copy(update={"objections": (BaselineObjection(**DOUBT),)})}
    )
    said = sentences.trust(doubted)
    assert (said.level, said.headline) == ("withheld", sentences.trust(report).headline)
    assert DOUBT["words"] in said.doubt


def test_page_and_terminal_and_json_carry_the_doubt_and_the_outlier(sample: SimpleNamespace) -> None:
    baseline = sample.flights_body()["baseline"] | {"objections": [DOUBT]}
    outlier = {"target": "late", "feature": "distance", "row_id": "r7", "attribution": 41.25, "share": 0.5,
               "abs_mean_without": None}  # fmt: skip
    report = sample.flights_report(baseline=baseline, outliers=[outlier], **sample.BARE)
    page, out = render_page(report), io.StringIO()
    print_report(report, Console(file=out, width=400))
    for text in (page, out.getvalue()):
        assert DOUBT["words"] in text
        assert "importance of Distance: row r7" in text
    held = json.loads(report.to_json())
    assert held["baseline"]["objections"] == [DOUBT]
    assert held["outliers"] == [outlier | {"segment_column": None, "segment_level": None, "group": None}]
