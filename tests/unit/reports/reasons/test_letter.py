"""The page of one row: what a person reads is true, in plain words, and says nothing that the figures do not."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from ig_tasks.models.target_config import Target, TargetConfig
from ig_tasks.reports.page_environment import CONTENT_SECURITY_POLICY
from ig_tasks.reports.reasons.letter import Letter, print_letter, render_letter
from ig_tasks.spec.reasons_section import ReasonsSpec
from ig_tasks.stages.reasons.finding import AdverseRow, Reason
from ig_tasks.stages.reasons.rules import Player, ReasonRules
from ig_tasks.stages.reasons.without import Without, without

DEBT = Player("debt", ("debt",), "Debt to income", "R02", "Income too low for the <amount>")
HOME = Player("home", ("home",), "Home ownership")
YEARS = Player("years", ("years",))
PLAYERS = (DEBT, HOME, YEARS)


@pytest.fixture
def letter(sample: SimpleNamespace) -> Letter:
    asked = ReasonsSpec(threshold=0.5, adverse="above", space="probability", top=2)
    rules = ReasonRules(asked, Target("default", TargetConfig(space="logit"), "logit"), PLAYERS)
    reasons = (Reason(DEBT, 0.9, 0.9, 0.004, 1, 1), Reason(HOME, 0.101, 0.101, 0.004, 2, 3, (YEARS,)))
    report = sample.flights_report()
    population = {
        "strategy": "reference_population",
        "definition": "all rows of its data",
        "baselines": 50,
        "rows": 900,
    }
    report = report.model_copy(update={"baseline": report.baseline.model_copy(update=population)})
    row = AdverseRow("A-1", 0.0001, -0.4, "tied", reasons)
    return Letter(row, rules, report, {"debt": 0.625, "home": "rent"})


def printed(letter: Letter) -> str:
    console = Console(width=400, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    print_letter(letter, console)
    return console.export_text()


def words(page: str) -> str:
    body = page[page.index("<body") :]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_person_reads_the_decision_the_reasons_and_how_they_were_chosen(letter: Letter) -> None:
    page = render_letter(letter)
    read = words(page)
    # 0.500025 is above 0.5, and must not read as if it were at it.
    assert re.search(r"Its result is 0\.50002\d* \(probability\), and a result above 0\.5 leads to this", read)
    assert "The principal reasons 1" not in read  # numbers are the list's own
    tie = "Tied: about as weighty as reason 2, and not listed, years."
    assert f"Income too low for the &lt;amount&gt; R02 Home ownership {tie}" in read
    assert (
        "Your case was compared with 50 cases drawn from 900 of a reference population: all rows of its data." in read
    )
    assert "at most 2 are listed" in read
    assert "Without a text in the spec, and called by their own names: Home ownership." in read
    assert "debt 0.625 0.9000 0.0040 1 home rent 0.1010 0.0040 2 to 3" in read
    assert f'content="{CONTENT_SECURITY_POLICY}"' in page
    assert not re.search(r"<script|javascript:|\son\w+=", page, re.IGNORECASE)


@pytest.mark.parametrize(
    ("threshold", "output", "said"),
    [
        (0.25794, 0.257945963, "Its result is 0.25795, and a result above 0.25794 leads"),
        (600.25, 600.26, "Its result is 600.3, and a result above 600.25 leads"),
        (0.97031, 0.970344, "Its result is 0.97034, and a result above 0.97031 leads"),
    ],
)
def test_a_result_reads_on_its_own_side_of_the_threshold_to_its_last_digit(
    letter: Letter, threshold: float, output: float, said: str
) -> None:
    asked = ReasonsSpec(threshold=threshold, adverse="above", space="value", top=2)
    rules = ReasonRules(asked, Target("default", TargetConfig(space="value"), "value"), PLAYERS)
    told = replace(letter, rules=rules, row=replace(letter.row, output=output)).decision
    assert said in told


def test_the_terminal_says_the_same(letter: Letter) -> None:
    said = " ".join(printed(letter).split())
    for line in (letter.headline, letter.decision, letter.ties, letter.method, letter.textless):
        assert line in said
    assert "1. Income too low for the <amount> [R02]" in said
    assert "2. Home ownership" in said


@pytest.mark.parametrize(
    ("change", "title", "why"),
    [
        ({"state": "without", "reasons": ()}, "No reasons", "No single factor surely moved the result"),
        ({"state": "unverified", "reasons": ()}, "No reasons", "the figures of this case are not proven. Unverified:"),
        ({"state": "max_evaluations", "reasons": ()}, "No reasons", "Max evaluations: the integration did not reach"),
    ],
)
def test_why_there_are_no_reasons(letter: Letter, change: dict[str, Any], title: str, why: str) -> None:
    other = replace(letter, row=replace(letter.row, **change))
    assert other.reasons_title == title
    assert why in words(render_letter(other))
    assert why in " ".join(printed(other).split())
    assert "Tied" not in printed(other)


def test_one_reason_is_one_and_what_is_within_its_bound_is_named_for_the_file(letter: Letter) -> None:
    row = replace(letter.row, state="certified", reasons=letter.row.reasons[:1], unproven=(YEARS,))
    read = words(render_letter(replace(letter, row=row)))
    assert "The principal reason Income" in read
    assert "Within their error bounds, so that no direction is proven: years." in read
    assert "Order proven: every reason outweighs" in read


def test_what_the_decision_would_be_without_a_reason(letter: Letter) -> None:
    outputs = [[-1.0, -2.0, -3.0], [1.0, -1.0, 2.0], [1.0, 2.0, 3.0], [1.0, np.nan, 3.0]]
    results, changed = without(letter.rules, np.array(outputs).T, np.full(3, 1 / 3))
    asked = {name: Without(*both) for name, *both in zip(("debt", "home", "a", "b"), results, changed, strict=True)}
    told = replace(letter, without=asked)
    chance = (1 / (1 + np.exp([1.0, 2.0, 3.0]))).mean()
    assert asked["debt"] == (pytest.approx(chance), 1.0)
    expected = ["yes", "in 33.3\u00a0% of the comparisons", "no", "not known"]
    assert [told.another_decision(name) for name in asked] == expected
    read = words(render_letter(told))
    assert f"Reason Result without it Another decision debt {chance:.4f} yes home" in read
    assert "without it" not in words(render_letter(letter))
    said = " ".join(printed(told).split())
    assert f"would then be another: debt: {chance:.4f}; another decision: yes home:" in said


def test_a_withheld_report_is_not_to_be_sent(letter: Letter) -> None:
    withheld = replace(letter, report=letter.report.model_copy(update={"state": "withheld"}))
    assert "Not to be sent" in words(render_letter(withheld))
    assert "do not send these reasons" in printed(withheld)
    assert "Not to be sent" not in words(render_letter(letter))


def test_what_the_data_hold_is_escaped_and_made_visible(letter: Letter) -> None:
    row = replace(letter.row, row_id="<b>\u202ex")
    page = render_letter(replace(letter, row=row, values={"debt": "<script>", "home": "\x1b[31m"}))
    assert "&lt;b&gt;\\u202ex" in page
    assert "<script>" not in page
    assert "\x1b" not in page
    assert "\x1b[31m" not in printed(replace(letter, values={"home": "\x1b[31m"}))
