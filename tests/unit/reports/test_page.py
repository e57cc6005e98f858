"""report.html: one page without script that says everything a reader needs, drawn from the Report alone."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from ig_tasks.presentation import colours
from ig_tasks.reports.drift_view import drift_view
from ig_tasks.reports.numerals import interval, number
from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_files import page_files
from ig_tasks.store.report import ReasonCount, ReasonsInfo, Report

pytestmark = pytest.mark.usefixtures("undrawn")

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"

DRIFT = {
    "reference": {"name": "flights", "run_id": "2013-09-aa", "partition": "2013-09", "rows": 1000, "clusters": 30},
    "current": {"name": "flights", "run_id": "2013-10-bb", "partition": "2013-10", "rows": 1100, "clusters": 31},
    "comparable": True,
    "practical": 0.1,
    "share": 0.01,
    "false_discovery": 0.05,
    "features": [
        {
            "target": "late", "feature": "dep_delay", "before": 2.0, "after": 3.0, "change": 1.0,
            "change_ci": [0.5, 1.5], "relative": 0.4, "q_value": 0.001, "state": "changed", "cause": ["own", "others"],
            "others": [{"feature": "dep_hour", "effect": 0.2}], "rank_before": 1, "rank_after": 1, "alarm": True,
            "sentence": "dep_delay rose by 50 %, because of its own values.",
            "input_drift": {"wasserstein": 0.43, "jensen_shannon": 0.12, "missing_before": 0.0, "missing_after": 0.2,
                            "gained": 7, "gained_share": 0.15},
        },
        {
            "target": "late", "feature": "dep_hour", "before": 0.51, "after": 0.49, "change": -0.02,
            "change_ci": [-0.05, 0.01], "relative": -0.04, "q_value": 0.4, "state": "unchanged", "rank_before": 3,
            "rank_after": 2,
        },
    ],
    "groups": [
        {
            "target": "late", "feature": "schedule", "before": 2.5, "after": 3.4, "change": 0.9,
            "change_ci": [0.5, 1.3], "relative": 0.3, "q_value": 0.01, "state": "changed", "cause": ["data"],
            "rank_before": 1, "rank_after": 1,
        },
    ],
    "notes": ["Rows are taken to be independent of one another."],
    "summary": "dep_delay rose by 50 %, because of its own values.",
}  # fmt: skip


class Outline(HTMLParser):
    """Headings, the tables' rows as text, captions, and tags left open."""

    VOID = ("meta", "link", "br", "img", "path", "rect", "line")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.headings: list[tuple[int, str]] = []
        self.rows: list[list[str]] = []
        self.captions: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            assert dict(attrs).get("scope") in (("col", "row") if tag == "th" else (None,))
            self.rows[-1].append("")
        elif tag == "caption":
            self.captions.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"h1", "h2", "h3"} & set(self.open):
            level, said = self.headings[-1]
            self.headings[-1] = (level, said + data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if "caption" in self.open:
            self.captions[-1] += data


@pytest.fixture(scope="module")
def page(sample: SimpleNamespace) -> str:
    return render_page(sample.flights_report())


@pytest.mark.usefixtures("drawn")
def test_the_page_is_a_function_of_the_report_alone(page: str, sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    assert render_page(Report.from_json(report.to_json())) == page


def test_the_page_holds_no_script_and_the_policy_word_for_word(page: str) -> None:
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in page
    assert page.index("Content-Security-Policy") < page.index("<style")
    assert not re.search(r"<script|javascript:|\son\w+=", page, re.IGNORECASE)


def test_the_page_loads_nothing(page: str) -> None:
    assert not re.findall(r'(?:src|action|data)="(?!data:)', page)
    links = {link for link in re.findall(r'href="([^"]*)"', page) if not link.startswith(("#", "data:"))}
    assert links == {
        "report.json", "importance.parquet", "attributions/", "quarantine.parquet", "baseline.parquet", "spec.yaml",
        "manifest.json",
    }  # fmt: skip
    assert not re.search(r"@import|url\((?!\"data:font/woff2;base64,)", page)


def test_every_link_within_the_page_leads_somewhere_and_the_contents_name_every_section(page: str) -> None:
    places = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= places
    contents = page.partition('<nav class="contents"')[2].partition("</nav>")[0]
    listed = re.findall(r'<a href="#([^"]+)">([^<]+)</a>', contents)
    after = page.partition("</nav>")[2]
    assert listed == re.findall(r'<h2 id="([^"]+)">([^<]+)</h2>', after)
    assert len(listed) >= 8


def test_a_later_revision_links_to_its_own_report(sample: SimpleNamespace) -> None:
    assert page_files(sample.flights_report(**sample.BARE, revision=3))[0][0] == "report.r3.json"


def test_the_page_is_closed_and_its_headings_are_in_order(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    levels = [level for level, _ in outline.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert [said for level, said in outline.headings if level == 2] == [
        "These numbers can be trusted",
        "In short",
        "Which features drive the model",
        "Importance by segment",
        "How attributions are spread",
        "Single rows explained",
        "What was explained",
        "What was not explained",
        "Checks",
        "The words of this page",
        "Where the numbers come from",
    ]


def test_every_table_has_a_caption_and_every_chart_a_name(page: str) -> None:
    outline = Outline(page)
    assert outline.tags.count("table") == len(outline.captions)
    assert all(outline.captions)
    charts = re.findall(r"<svg[^>]*>", page)
    # Importance and signed mean, both of groups, two segment columns, distributions, five rows.
    assert len(charts) == 12
    assert all('role="img"' in chart and 'aria-label="' in chart for chart in charts)


def test_every_number_of_the_importance_table_is_the_reports(page: str, sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    found = re.findall(r'<tr data-feature="([^"]*)">(.*?)</tr>', page)
    assert [feature for feature, _ in found] == [row.feature for row in report.ranking()]
    for row, (_, cells) in zip(report.ranking(), found, strict=True):
        exact = [float(text) for text in re.findall(r'<data value="([^"]*)">', cells)]
        assert exact == [row.abs_mean, row.mean, row.std_dev, row.median, row.mean_square]
        shown = [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells)]
        ranks = f"{row.rank_ci[0]} to {row.rank_ci[1]}" if row.rank_ci[0] != row.rank_ci[1] else str(row.rank_ci[0])
        assert shown == [
            str(row.rank),
            number(row.abs_mean),
            interval(*row.abs_mean_ci),
            number(row.mean),
            ranks,
            number(row.std_dev),
            number(row.median),
            number(row.mean_square),
        ]


def test_every_number_of_the_groups_table_is_the_reports(page: str, sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    found = re.findall(r'<tr data-group="([^"]*)">(.*?)</tr>', page, flags=re.DOTALL)
    assert [group for group, _ in found] == [row.group for row in report.group_ranking()]
    for row, (_, cells) in zip(report.group_ranking(), found, strict=True):
        exact = [float(text) for text in re.findall(r'<data value="([^"]*)">', cells)]
        assert exact == [row.abs_mean, row.mean, row.std_dev, row.median, row.mean_square]
        assert interval(*row.abs_mean_ci) in cells
    assert any(row[1] == "operationsDeparture delay, Carrier" for row in Outline(page).rows if len(row) > 1)
    assert "Groups of features" in [said for level, said in Outline(page).headings if level == 3]
    assert "belong" not in Outline(page).text


def test_features_without_a_group_are_counted_and_long_groups_are_cut_short(sample: SimpleNamespace) -> None:
    names = [f"feature_{i:04d}" for i in range(12)]
    whole = sample.flights_body()["groups"][0]
    report = Report.model_validate({**sample.wide_report(13).model_dump(), "groups": [{**whole, "features": names}]})
    text = Outline(render_page(report)).text
    assert "feature_0007 and 4 more" in text
    assert "1 feature of the model belongs to no group." in text


def test_the_page_says_what_was_explained(page: str, sample: SimpleNamespace) -> None:
    text, report = Outline(page).text, sample.flights_report()
    for said in (
        report.model.name,
        report.model.version,
        report.model.owner,
        report.model.intended_use,
        "test: auc 0.8998, rows 81,437",
        "A remark.",
        "trained on: 2013-01 to 2013-09",
        "late, in log-odds (logit)",
        report.data.uri,
        "27,031 read of 27,031",
        "243,107 rows of 2013-01..2013-09",
        "−1.313",
        "2 March 2026, 06:04 UTC",
        "2013-11",
    ):
        assert said in text, said


def test_digests_and_versions_are_whole(page: str, sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    rows = Outline(page).rows
    assert ["Digest of the model", report.model.digest] in rows
    assert ["Digest of the data", report.data.digest] in rows
    assert ["Digest of the baseline", report.baseline.digest] in rows
    assert ["Versions, torch", "2.13.0"] in rows
    assert ["Attempt 1, by", "airflow"] in rows
    assert ["attributions/shard-000000.parquet, sha256", "00" * 32] in rows
    assert ["compute attributions", "41.7\u00a0s"] in rows


def test_what_was_not_explained_is_counted_by_reason(page: str) -> None:
    rows = Outline(page).rows
    assert ["missing value in temp", "301", "1.1\u00a0%"] in rows
    assert ["unknown category 'N999XX' in tailnum", "21", "0.1\u00a0%"] in rows


def test_unknown_categories_have_a_table_beside_the_check(sample: SimpleNamespace) -> None:
    unknown = [
        {
            "feature": "carrier", "cells": 1000, "unknown": 400, "missing": 20, "share": 0.42, "baseline_share": 0.01,
            "at_most": 0.05, "categories": [{"category": "<b>aa", "count": 300, "known": "AA"},
                                            {"category": "zz", "count": 100}],
        },
        {"feature": "month", "cells": 1000, "unknown": 1, "missing": 0, "share": 0.001},
    ]  # fmt: skip
    data = sample.flights_body()["data"] | {"unknown": unknown}
    page = render_page(sample.flights_report(**sample.BARE, data=data))
    rows = Outline(page).rows
    (carrier,) = [row for row in rows if "<b>aa (300; known: AA), zz (100)" in row[0]]
    assert carrier[1:] == ["42.0\u00a0%", "5.0\u00a0%", "1.0\u00a0%", "400", "20"]
    assert any(row[1:] == ["0.1\u00a0%", "–", "–", "1", "0"] for row in rows)
    assert page.index('id="unknown"') < page.index('id="checks"')
    assert 'id="unknown"' not in render_page(sample.flights_report(**sample.BARE))


def test_of_many_unknown_features_twenty_are_shown(sample: SimpleNamespace) -> None:
    one = {"feature": "f", "cells": 9, "unknown": 1, "missing": 0, "share": 0.1}
    data = sample.flights_body()["data"] | {"unknown": [{**one, "feature": f"unheard-{place}"} for place in range(23)]}
    text = Outline(render_page(sample.flights_report(**sample.BARE, data=data))).text
    assert "unheard-19" in text
    assert "unheard-20" not in text
    assert "3 more features are in report.json." in text


def test_outliers_within_segments_and_groups_are_named_where_those_are_shown(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    target, column = body["targets"][0]["name"], body["segments"][0]["segment"].partition("=")[0]
    one = {"target": target, "feature": "distance", "row_id": "r7", "attribution": 4.0, "share": 0.6,
           "abs_mean_without": 0.1}  # fmt: skip
    within = [
        one | {"segment_column": column, "segment_level": "ZZ"},
        one | {"group": "weather", "feature": "weather", "row_id": "r8"},
    ]
    page = render_page(sample.flights_report(outliers_within=within, examples=()))
    segment, group = page.index(" is ZZ: row r7,"), page.index("the group weather: row r8,")
    assert page.index('<h3 class="groups">') < group < page.index('id="segments"') < segment
    assert segment < page.index('id="distributions"')


def test_unverified_rows_are_said_beside_those_that_fell_short(sample: SimpleNamespace) -> None:
    data = sample.flights_body()["data"] | {"rows_unverified": 40}
    text = Outline(render_page(sample.flights_report(**sample.BARE, data=data))).text
    assert "12 rows did not, 40 are unverified" in text
    assert "12 explained rows did not reach the tolerance." in text
    assert "40 explained rows are unverified" in text
    assert text.count("set attribution.integrator: auto and leave attribution.steps out") == 2  # on top, and there
    data |= {"rows_unconverged": 0}
    text = Outline(render_page(sample.flights_report(**sample.BARE, data=data))).text
    assert "Every explained row reached the tolerance" not in text


def test_a_row_that_is_not_proven_says_what_its_status_means_and_what_to_do(page: str, sample: SimpleNamespace) -> None:
    examples = [dict(example) for example in sample.flights_body()["examples"]]
    examples[0]["status"], examples[1]["status"] = "unverified", "max_evaluations"
    text = Outline(render_page(sample.flights_report(**sample.BARE | {"examples": examples}))).text
    assert (
        "Unverified: the attributions add up to within the tolerance, but a rule of fixed steps has no error estimate "
        "that would prove them; set attribution.integrator: auto and leave attribution.steps out." in text
    )
    assert "Max evaluations: the integration did not reach the tolerance; raise attribution.max_evaluations" in text
    assert "Unverified" not in Outline(page).text


def test_checks_are_shown_with_result_observed_and_expected(sample: SimpleNamespace) -> None:
    checks = sample.flights_body()["checks"]
    checks[1] = sample.check("converged", "warning", 0.91, "at least 0.95", success=False)
    page = render_page(sample.flights_report(**sample.BARE, checks=checks))
    rows = Outline(page).rows
    assert ["Completeness", "✓ passed", "critical", "0.99996", "at least 0.99 of rows within 0.01"] in rows
    assert ["Converged", "✗ failed", "warning", "0.91", "at least 0.95"] in rows
    assert "These numbers can be used with care" in page


def test_a_withheld_page_says_so_which_check_failed_and_what_to_do(sample: SimpleNamespace) -> None:
    page = render_page(sample.withheld_report(**sample.BARE))
    text = Outline(page).text
    assert '<body class="withheld">' in page
    assert "These numbers are withheld: do not use them" in text
    assert "Completeness (observed 0.93, expected at least 0.99 of rows within 0.01)" in text
    assert "Raise attribution.max_evaluations" in text
    assert "Withheld: shown so that the cause can be found, not to be used." in text
    assert "(withheld)</title>" in page
    assert "can be trusted" not in text


def test_an_ad_hoc_page_names_the_overrides_before_all_else(page: str, sample: SimpleNamespace) -> None:
    assert "adhoc" not in page.partition("</style>")[2]
    overrides = [
        {"field": "data.sample", "spec": None, "run": 500},
        {"field": "baseline.strategy", "spec": "auto", "run": "<b>zero</b>"},
    ]
    found = Outline(render_page(sample.flights_report(**sample.BARE, overrides=overrides)))
    assert found.headings[1] == (2, "Ad-hoc run: this is not the official report")
    assert "data.sample is 500, in the spec it is not set" in found.text
    assert "baseline.strategy is <b>zero</b>, in the spec it is auto" in found.text
    assert not found.open


def test_segments_show_the_largest_levels_and_say_what_is_left_out(page: str, sample: SimpleNamespace) -> None:
    outline, report = Outline(page), sample.flights_report()
    assert "The first 12 of 16 levels, the largest first, are shown; the other 4 are in" in outline.text
    assert "The first 8 of 20 features are shown; the other 12 are in importance.parquet." in outline.text
    united = {row.feature: row for row in report.segments if row.segment == "carrier=UA"}
    cells = next(row for row in outline.rows if row[:2] == ["UA", "4,886"])
    leading = [united[row.feature] for row in report.ranking()[:8]]
    assert cells[2:] == [number(row.abs_mean) + number(row.mean) for row in leading]
    assert not any(row[:1] == ["OO"] for row in outline.rows)


def test_segments_without_their_own_keys_are_read_from_the_segments_name(sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    bare = [
        row.model_copy(update={"segment_column": None, "segment_level": None})
        for row in report.segments
        if row.segment_column == "origin"
    ]
    page = render_page(report.model_copy(update={"segments": tuple(bare), "examples": ()}))
    assert any(row[:2] == ["EWR", "9,603"] for row in Outline(page).rows)


def test_a_waterfalls_table_ends_at_the_difference_it_explains(page: str, sample: SimpleNamespace) -> None:
    example = sample.flights_report().examples[0]
    rows = Outline(page).rows
    total = number(sum(part.attribution for part in example.contributions))
    assert ["Sum of attributions", "", total] in rows
    assert ["Output less output at the baseline", "", number(example.output - example.baseline_output)] in rows
    assert any(row[:2] == ["Aircraft", "N13969"] for row in rows)


def test_a_thousand_features_are_charted_to_20_and_tabled_to_50(sample: SimpleNamespace) -> None:
    page = render_page(sample.wide_report(1000))
    assert page.count("<tr data-feature=") == 50
    assert "The first 50 of 1,000 features are shown; the other 950 are in importance.parquet." in page
    assert "the first 20 features" in page
    assert page.count('class="chart"') == 2


def test_sections_without_anything_to_show_are_left_out(sample: SimpleNamespace) -> None:
    page = render_page(sample.wide_report(1))
    text = Outline(page).text
    assert [said for level, said in Outline(page).headings if level == 2] == [
        "These numbers can be trusted",
        "In short",
        "Which features drive the model",
        "What was explained",
        "What was not explained",
        "Checks",
        "The words of this page",
        "Where the numbers come from",
    ]
    assert "none is in quarantine" in text
    assert page.count("<tr data-feature=") == 1


def test_a_run_that_explained_nothing_still_has_its_page(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    body["data"] |= {"rows_explained": 0, "rows_unconverged": 0, "rows_quarantined": 27_031}
    nothing = {"max_relative_delta": None, "mean_relative_delta": None, "converged_fraction": None}
    report = sample.flights_report(
        state="withheld",
        data=body["data"],
        completeness=nothing,
        **sample.BARE,
        importance=[],
        provenance={},
        timing={},
        checks=[sample.check("quarantined", "critical", 1.0, "at most 0.05", success=False)],
    )
    text = Outline(render_page(report)).text
    assert "None of 27,031 rows could be explained" in text
    assert "No row was explained, so there is nothing to rank." in text


def test_several_targets_each_have_their_own_importance(sample: SimpleNamespace) -> None:
    page = render_page(sample.two_target_report().model_copy(update=sample.BARE))
    headings = [said for level, said in Outline(page).headings if level == 3]
    assert "late, in log-odds (logit)" in headings
    assert "very_late, in probability" in headings
    assert page.count("<tr data-feature=") == 40
    groups = render_page(
        sample.two_target_report().model_copy(update={**sample.BARE, "groups": sample.two_target_report().groups})
    )
    headings = [said for level, said in Outline(groups).headings if level == 3]
    assert "Groups of features: very_late, in probability" in headings
    assert "very_late 0.04120" in Outline(page).text


def test_verdicts_are_shown_where_there_are_any(sample: SimpleNamespace) -> None:
    report = sample.flights_report(
        **sample.BARE, verdicts=[{"feature": "seats", "verdict": "no effect", "why": "its interval holds zero"}]
    )
    assert ["Seatsseats", "no effect", "its interval holds zero"] in Outline(render_page(report)).rows


def test_what_changed_is_shown_with_its_cause_and_a_chart(sample: SimpleNamespace) -> None:
    page = render_page(sample.flights_report(**sample.BARE, drift=DRIFT))
    outline = Outline(page)
    rows = {row[0]: row[1:] for row in outline.rows}
    values = (
        "its values: moved by 0.43 standard deviations; missing 0\u00a0% before, 20.0\u00a0% after; "
        "7 gained 15.0\u00a0% of the rows"
    )
    assert rows["Departure delaydep_delay"] == [
        "+50 %", "alarm", f"its own values; values of Scheduled hour{values}", "+25 % to +75 %", "2.000", "3.000", "1",
    ]  # fmt: skip
    assert rows["Scheduled hourdep_hour"] == [
        "−4 %", "unchanged", "", "−10 % to +2 %", "0.5100", "0.4900", "3 → 2",
    ]  # fmt: skip
    assert rows["schedule"][1] == "changed"
    assert "dep_delay rose by 50 %, because of its own values." in page
    assert "Marks with 95 % intervals: change of importance of 2 features" in page
    assert "Bars: the Jensen-Shannon divergence between the values before and after, of 2 features" in page
    assert "Rows are taken to be independent" in page


def test_an_alarm_shows_the_values_that_moved_it_its_own_and_another_feature_s(sample: SimpleNamespace) -> None:
    own = {"edges": [0.0, 1.0, 2.0, 4.0], "before": [0.5, 0.25, 0.25], "after": [0.1, 0.2, 0.5]}
    other = {"labels": ["6", "<7>"], "before": [1.0, 0.0], "after": [0.25, 0.75]}
    delay, hour = DRIFT["features"]
    drift = {**DRIFT, "features": [{**delay, "values": own}, {**hour, "values": other}]}
    (found,) = drift_view(sample.flights_report(**sample.BARE, drift=drift)).values
    assert found.row.feature == "dep_delay"
    (first, of_delay), (second, of_hour) = found.charts
    assert (first, second) == ("Departure delay", "Scheduled hour")
    assert [(row["low"], row["high"], row["before"], row["after"]) for row in of_delay.table] == [
        (0.0, 1.0, 0.5, 0.1), (1.0, 2.0, 0.25, 0.2), (2.0, 4.0, 0.25, 0.5),
    ]  # fmt: skip
    assert [(row["before"], row["after"]) for row in of_hour.table] == [(1.0, 0.25), (0.0, 0.75)]
    page = render_page(sample.flights_report(**sample.BARE, drift=drift))
    assert "Values before and after: Departure delay" in page
    assert "Scheduled hour: shares of the rows, hollow before, filled after." in page
    assert "<7>" not in page
    assert "Values before and after" not in render_page(sample.flights_report(**sample.BARE, drift=DRIFT))


def test_reports_that_cannot_be_compared_say_why(sample: SimpleNamespace) -> None:
    why = "the space was 'logit' and is 'probability'"
    drift = {**DRIFT, "comparable": False, "why_not": why, "features": [], "summary": f"Not comparable: {why}."}
    page = render_page(sample.flights_report(**sample.BARE, drift=drift))
    assert "Not comparable: the space was &#39;logit&#39; and is &#39;probability&#39;." in page
    assert "Because of" not in page


@pytest.mark.usefixtures("drawn")
def test_control_characters_are_seen_everywhere_and_report_json_keeps_them(sample: SimpleNamespace) -> None:
    report = sample.hostile_report(sample.HIDDEN)
    page = render_page(report)
    assert not [letter for letter in page if letter in "\x00\x01\x1b\x7f\x9b\u202e\ufffe\uffff"]
    assert page.count(sample.SEEN) >= 20
    text = report.to_json()
    assert not [letter for letter in text if letter in "\x00\x01\x1b\x7f\x9b\u202e\ufffe\uffff"]
    assert Report.from_json(text).model.name == sample.HIDDEN


def test_a_description_of_several_lines_keeps_them(sample: SimpleNamespace) -> None:
    page = render_page(sample.flights_report(description="First line\nsecond line", **sample.BARE))
    assert "First line\nsecond line" in page


@pytest.mark.usefixtures("drawn")
def test_hostile_names_are_text_everywhere(sample: SimpleNamespace) -> None:
    page = render_page(sample.hostile_report())
    assert not re.search(r"<script|<img|onerror=alert\(1\)\s*>?\s*<", page)
    outline = Outline(page)
    assert "script" not in outline.tags
    assert "img" not in outline.tags
    assert sample.HOSTILE in outline.text
    assert any(sample.HOSTILE in cell for row in outline.rows for cell in row)
    assert outline.headings[0] == (1, sample.HOSTILE)


def test_the_rooms_import_is_light() -> None:
    code = (
        "import sys; import ig_tasks.reports.page, ig_tasks.reports.terminal; "
        "sys.exit(', '.join({'altair', 'vl_convert', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_what_raises_has_one_colour_and_what_lowers_another(page: str) -> None:
    assert f"--raises: {colours.RAISES}; --lowers: {colours.LOWERS}" in page
    assert page.count(colours.RAISES) > 10
    assert page.count(colours.LOWERS) > 10


@pytest.mark.usefixtures("drawn")
def test_the_probability_stands_beside_log_odds(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    body["baseline"] |= {"output_probability": 0.212}
    item = body["examples"][0] | {"output_probability": 0.9805, "baseline_probability": 0.212}
    page = render_page(sample.flights_report(**sample.BARE | {"examples": [item]}, baseline=body["baseline"]))
    assert "late: output 3.916 (probability 0.9805), at the baseline −1.313 (probability 0.2120), in log-odds" in page
    assert ">3.916 (98.0\u00a0%)<" in page
    assert "<dd>−1.313 (probability 0.2120)" in page


def test_adverse_decisions_are_counted_with_their_most_frequent_reasons(sample: SimpleNamespace) -> None:
    counts = {"rows_certified": 5, "rows_tied": 2, "rows_without": 1, "rows_fewer": 3, "rows_unconverged": 1}
    found = ReasonsInfo(
        target="late", space="probability", threshold=0.5, adverse="above", top=4, by="features", rows_adverse=9,
        rows_unverified=0, rows_quarantined=2, tied_share=2 / 7, **counts,
        reasons=(
            ReasonCount(name="dep_delay", code="R1", text="Left <late>", rows=7, first=6),
            ReasonCount(name="origin", rows=1, first=1),
        ),
    )  # fmt: skip
    report = sample.flights_report().model_copy(update={"reasons": found})
    page = " ".join(re.sub(r"<[^>]+>", " ", render_page(report)).split())
    assert "9 explained rows have an adverse decision: late above 0.5 (probability). 7 of them have reasons" in page
    assert "2 (28.6 %) are tied." in page
    assert "3 of the proven list fewer" in page
    assert "1 row has no proven reason. 1 row did not converge and has no reasons. 2 rows in quarantine" in page
    assert "Left &lt;late&gt; dep_delay · R1 7 100 % 6" in page
    assert "no text in the spec 1 14.3 % 1" in page
    assert "reasons.csv" in page
    assert "Adverse decisions" not in render_page(sample.flights_report())
    withheld = render_page(report.model_copy(update={"state": "withheld"}))
    assert "The report is withheld, so no reasons were written." in withheld
    assert "reasons.csv" not in withheld
