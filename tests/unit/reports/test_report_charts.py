"""A report's charts: values with words, numbers and an SVG without script that shows every label and number as text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from html import unescape
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from ig_tasks.charts import Chart, axes
from ig_tasks.presentation import colours
from ig_tasks.reports import report_charts as charts
from ig_tasks.reports import row_waterfall
from ig_tasks.reports.numerals import number
from ig_tasks.store.report import Report

SVG = "{http://www.w3.org/2000/svg}"


def made(kind: str, report: Report) -> Chart:
    ranking = report.ranking()
    names = [row.feature for row in ranking]
    labels = axes.unique_labels(names, {item.name: item.label for item in report.features if item.label})
    if kind == "importance":
        return charts.importance_chart(ranking, labels, "log-odds")
    if kind == "signed":
        return charts.signed_chart(ranking, labels, "log-odds")
    if kind == "groups":
        return charts.group_charts(report.group_ranking(), "log-odds")[0]
    if kind == "groups_signed":
        return charts.group_charts(report.group_ranking(), "log-odds")[1]
    if kind == "segments":
        rows = [row for row in report.segments if row.segment_column == "carrier"]
        levels = {str(row.segment_level): str(row.segment_level) for row in rows}
        return charts.segment_chart(rows, levels, names, labels)
    if kind == "distributions":
        return charts.distribution_chart(report.distributions, labels, "log-odds")
    return row_waterfall.waterfall_chart(report.examples[0], labels, "log-odds")


def draw(kind: str, report: Report) -> str:
    return made(kind, report).svg()


KINDS = ["importance", "signed", "groups", "groups_signed", "segments", "distributions", "waterfall"]


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  our own


def texts(svg: str) -> list[str]:
    return ["".join(item.itertext()) for item in parsed(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_one_svg_that_scales_and_is_said_in_words(kind: str, sample: SimpleNamespace) -> None:
    root = parsed(draw(kind, sample.flights_report()))
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert "table" in (root.get("aria-label") or "")
    assert root.get("viewBox")
    assert root.get("width") is None, "a fixed width would not fit a phone"
    tags = {item.tag.removeprefix(SVG) for item in root.iter()}
    assert tags <= {"svg", "g", "path", "rect", "line", "text", "title"}, tags
    # Ids of two charts on one page would meet.
    assert not [item for item in root.iter() if item.get("id")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_is_text(kind: str, sample: SimpleNamespace) -> None:
    svg = draw(kind, sample.hostile_report())
    assert "<script" not in svg
    # Long names are cut short in a chart; the table has them whole.
    assert any("</script><script" in text for text in texts(svg))


@pytest.mark.parametrize("kind", KINDS)
def test_control_characters_are_seen_and_do_not_end_the_process(kind: str, sample: SimpleNamespace) -> None:
    svg = draw(kind, sample.hostile_report(sample.HIDDEN))
    assert any(r"nul\x00 one\x01" in text for text in texts(svg))
    assert not [letter for letter in svg if letter in "\x00\x01\x1b\x7f\x9b\u202e\ufffe\uffff"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_is_valid_vega_lite(kind: str, sample: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    import altair as alt

    # The page skips this validation, which would take longer than the drawing.
    real: Callable[..., dict[str, object]] = alt.LayerChart.to_dict
    monkeypatch.setattr(alt.LayerChart, "to_dict", lambda self, **_: real(self, validate=True))
    draw(kind, sample.flights_report())


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_a_value_with_words_and_the_numbers_it_draws(kind: str, sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    chart = made(kind, report)
    with pytest.raises(dataclasses.FrozenInstanceError):
        chart.words = ""  # type: ignore[misc]
    assert chart.words in unescape(parsed(chart.svg()).get("aria-label") or "")
    # Drawing changes nothing: the same value gives the same picture, and so does the same report.
    assert chart.svg() == chart.svg() == made(kind, report).svg()


def test_the_table_of_a_chart_holds_the_reports_numbers(sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    ranking = report.ranking()
    first, bars = ranking[0], made("importance", report).table
    assert dict(bars[0]) == {
        "label": report.label(first.feature),
        "abs_mean": first.abs_mean,
        "mean": first.mean,
        "low": first.abs_mean_ci[0],
        "high": first.abs_mean_ci[1],
    }
    assert [row["mean"] for row in made("signed", report).table] == [row.mean for row in ranking]
    carriers = [row for row in report.segments if row.segment_column == "carrier"]
    assert sorted(row["abs_mean"] for row in made("segments", report).table) == sorted(row.abs_mean for row in carriers)
    example, steps = report.examples[0], made("waterfall", report).table
    assert steps[0]["from"] == example.baseline_output
    assert sum(row["attribution"] for row in steps) == pytest.approx(
        sum(part.attribution for part in example.contributions), rel=1e-12
    )


def test_importance_shows_the_features_in_order(sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    shown = [text for text in texts(draw("importance", report)) if text and not re.match(r"[\d.]+$|mean", text)]
    assert shown == [report.label(row.feature) for row in report.ranking()]


def test_the_heat_map_holds_every_number(sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    shown = texts(draw("segments", report))
    for row in report.segments:
        if row.segment_column == "carrier":
            assert number(row.abs_mean, 3) in shown


def test_each_feature_of_the_heat_map_has_a_scale_of_its_own(sample: SimpleNamespace) -> None:
    row = sample.flights_report().ranking()[0]
    cells = {("great", "x"): 10.0, ("great", "y"): 5.0, ("small", "x"): 0.1, ("small", "y"): 0.2}
    rows = [
        row.model_copy(update={"feature": feature, "segment_level": level, "abs_mean": size})
        for (feature, level), size in cells.items()
    ]
    names = {"great": "great", "small": "small"}
    svg = charts.segment_chart(rows, {"x": "x", "y": "y"}, list(names), names).svg()
    fills = re.findall(r'<path [^>]*d="M[^"]*h[^"]*" fill="([^"]+)"', svg) or re.findall(r'fill="(rgb[^"]+)"', svg)
    shades = [fill for fill in fills if fill.startswith("rgb")]
    # The greatest cell of each is the darkest, whatever the size of the other; a half is between nothing and it.
    assert shades[0] == shades[3]
    assert shades[1] == shades[2] != shades[0]


@pytest.mark.parametrize(("raises", "colour"), [(True, colours.RAISES), (False, colours.LOWERS)])
def test_the_sign_of_a_mean_is_its_colour(raises: bool, colour: str, sample: SimpleNamespace) -> None:
    row = sample.flights_report().ranking()[0].model_copy(update={"mean": 0.5 if raises else -0.5})
    svg = charts.signed_chart([row], {row.feature: "a"}, "log-odds").svg()
    assert svg.count(f'fill="{colour}"') == 1


def test_missing_numbers_do_not_break_a_chart(sample: SimpleNamespace) -> None:
    nothing = {"mean": None, "abs_mean": None, "abs_mean_ci": (None, None)}
    rows = [row.model_copy(update=nothing) for row in sample.flights_report().ranking()]
    labels = {row.feature: row.feature for row in rows}
    assert charts.importance_chart(rows, labels, "raw").svg().startswith("<svg")
    assert charts.signed_chart(rows, labels, "raw").svg().startswith("<svg")
    levels = [row.model_copy(update={"segment_level": "a"}) for row in rows]
    assert charts.segment_chart(levels, {"a": "a"}, list(labels), labels).svg().startswith("<svg")


def test_labels_that_two_features_share_are_told_apart() -> None:
    assert axes.unique_labels(["a", "b", "c"], {"a": "Delay", "b": "Delay"}) == {
        "a": "Delay (a)",
        "b": "Delay (b)",
        "c": "c",
    }


def test_a_waterfall_leads_from_the_baseline_to_the_output(sample: SimpleNamespace) -> None:
    example = sample.flights_report().examples[0]
    labels = {part.feature: part.feature for part in example.contributions}
    steps = row_waterfall.waterfall_steps(example, labels, limit=9)
    assert len(steps) == 9
    assert steps[0][1] == example.baseline_output
    assert [end for *_, end in steps[:-1]] == [start for _, start, _ in steps[1:]]
    assert steps[-1][2] == pytest.approx(example.output, abs=1e-3)
    assert steps[-1][0] == "12 other features"
    assert steps[0][0] == "dep_delay = 135"


def test_a_delta_that_can_be_seen_is_a_step_of_its_own(sample: SimpleNamespace) -> None:
    example = sample.flights_report().examples[0]
    total = sum(part.attribution for part in example.contributions)
    off = example.model_copy(
        update={"output": example.baseline_output + total - 0.3, "convergence_delta": 0.3, "status": "max_evaluations"}
    )
    labels = {part.feature: part.feature for part in example.contributions}
    steps = row_waterfall.waterfall_steps(off, labels)
    assert steps[-1][0] == "Not accounted for"
    assert steps[-1][2] == pytest.approx(off.output, abs=1e-12)


def test_a_box_stands_on_its_quantiles_or_the_nearest_known(sample: SimpleNamespace) -> None:
    found = sample.flights_report().distributions[0]
    at = {point.q: point.value for point in found.quantiles}
    assert charts.box_values(found) == tuple(at[q] for q in (0.05, 0.25, 0.5, 0.75, 0.95))
    few = found.model_copy(update={"quantiles": tuple(point for point in found.quantiles if point.q in (0, 0.5, 1))})
    assert charts.box_values(few) == (at[0], at[0], at[0.5], at[0.5], at[1])
    assert charts.box_values(found.model_copy(update={"quantiles": ()})) is None
