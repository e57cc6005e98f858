"""A report in the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from rich.console import Console

from ig_tasks.reports.numerals import number
from ig_tasks.reports.shading import passage_views
from ig_tasks.reports.terminal import print_report, print_side_by_side
from ig_tasks.store.report import Interpretability, Report
from ig_tasks.store.report_quality import Quality


def printed(print_it: Callable[[Console], None], width: int = 100) -> str:
    out = io.StringIO()
    print_it(Console(file=out, width=width, force_terminal=False, color_system=None))
    return out.getvalue()


def test_the_print_begins_with_the_sentence_on_trust_and_shows_features_and_checks(
    sample: SimpleNamespace,
) -> None:
    text = printed(lambda console: print_report(sample.flights_report(), console, top=3))
    lines = [line.split() for line in text.splitlines()]
    assert text.splitlines()[1].startswith("These numbers can be trusted. 26,707 of 27,031 rows were explained")
    assert ["1", "Departure", "delay", "█" * 24, "2.410", "−1.235"] in lines
    assert any(line[:2] == ["3", "Destination"] for line in lines)
    assert not any(line[:1] == ["4"] for line in lines)
    assert "The first 3 of 20 features are shown; the other 17 are in importance.parquet." in text
    assert any(line[:3] == ["passed", "Parity", "observed"] for line in lines)


def test_the_head_says_how_good_the_model_is_and_the_interpretability_score(sample: SimpleNamespace) -> None:
    plain_report = sample.flights_report()
    words = "A row with the outcome is predicted higher than one without in 91.1 % of pairs (AUC 0.911)."
    found = Quality(
        target="late", label="y", kind="binary", space="probability", rows=9, rows_unknown=0, sentence=words
    )
    score = Interpretability(score=0.8919, coverage=0.991, convergence=1.0, baseline_stability=0.9)
    report = plain_report.model_copy(update={"quality": (found,), "interpretability": score})
    lines = printed(lambda console: print_report(report, console), width=200).splitlines()
    formula = "coverage 0.991 × convergence 1.00 × baseline stability 0.900"
    head = lines[: lines.index("")]
    assert head[-2:] == [f"Model quality: {words}", f"Interpretability score: 0.892 = {formula}."]
    without = score.model_copy(update={"score": None, "baseline_stability": None})
    report = plain_report.model_copy(update={"quality": (found, found), "interpretability": without})
    text = printed(lambda console: print_report(report, console), width=200)
    assert f"Model quality (late): {words}" in text
    assert "Interpretability score: not known, for want of baseline stability." in text
    text = printed(lambda console: print_report(sample.flights_report(interpretability=None), console))
    assert "Interpretability" not in text
    assert "Model quality" not in text


def test_unverified_rows_are_said_with_the_remedy_of_one_report_and_of_several(sample: SimpleNamespace) -> None:
    data = sample.flights_body()["data"] | {"rows_unverified": 40}
    report = sample.flights_report(data=data)
    remedy = "To have every row proven, set attribution.integrator: auto and leave attribution.steps out."
    for print_it in (print_report, lambda report, console: print_side_by_side([report, report], console)):
        text = " ".join(printed(lambda console, print_it=print_it: print_it(report, console), width=80).split())
        assert "40 unverified: they add up, and their rule has no error estimate" in text
        assert remedy in text


def test_a_row_that_is_printed_says_that_it_is_unverified(sample: SimpleNamespace) -> None:
    report = sample.texts_and_images_report()
    row = report.examples[0].model_copy(update={"status": "unverified"})
    text = printed(lambda console: print_report(report.model_copy(update={"examples": (row,)}), console), width=400)
    assert "Unverified: the attributions add up to within the tolerance, but" in text
    assert "Unverified" not in printed(lambda console: print_report(report, console), width=400)


def test_outliers_within_segments_and_groups_are_named(sample: SimpleNamespace) -> None:
    target = sample.flights_body()["targets"][0]["name"]
    one = {"target": target, "feature": "distance", "row_id": "r7", "attribution": 4.0, "share": 0.6,
           "abs_mean_without": 0.1}  # fmt: skip
    within = [one | {"segment_column": "day", "segment_level": "Mon"}, one | {"group": "weather", "feature": "weather"}]
    report = sample.flights_report(outliers_within=within)
    text = printed(lambda console: print_report(report, console), width=200).replace("\u00a0", " ")
    assert "One row carries 60.0 % of the importance of Distance where day is Mon: row r7" in text
    assert "One row carries 60.0 % of the importance of the group weather: row r7" in text


def test_groups_are_ranked_with_their_intervals(sample: SimpleNamespace) -> None:
    report = sample.flights_report()
    text = printed(lambda console: print_report(report, console, top=2))
    lines = text.splitlines()
    first = lines.index("Groups of features: mean |contribution|, 95 % interval, signed mean") + 1
    row = report.group_ranking()[0]
    low, high = row.abs_mean_ci
    signed = f"{'+' if row.mean > 0 else ''}{number(row.mean)}"
    assert lines[first].split() == ["1", "operations", "█" * 24, number(row.abs_mean), number(low), "to", number(high),
                                    signed]  # fmt: skip
    assert lines[first + 2] == "The first 2 of 5 groups are shown; the other 3 are in report.json."
    assert "Groups" not in printed(lambda console: print_report(sample.wide_report(3), console))


def test_words_are_shown_in_the_rows_of_the_greatest_and_the_least_output(sample: SimpleNamespace) -> None:
    report = sample.texts_and_images_report()
    text = printed(lambda console: print_report(report, console), width=400)
    lines = text.splitlines()
    first = lines.index("What single words do: raises or lowers the output") + 1
    assert lines[first] == "highest output: 3.916, row 2013-11-27-UA-1545-EWR"
    assert lines[first + 1] == "Review: " + " ".join(["not the female form , a burlap sack"] * 4)
    views = passage_views(report.examples[0], report)
    said = "; ".join(f"{word.text} {'+' if word.attribution > 0 else ''}{number(word.attribution)}"
                     for _, word in views[0].strongest[:5])  # fmt: skip
    assert lines[first + 2] == f"strongest: {said}"
    assert lines[first + 3 : first + 5] == [
        "Tags: a long category of its own, ##b",
        "strongest: a long category of its own +0.2500; ##b −0.1250",
    ]
    assert lines[first + 5].startswith("lowest output: ")
    assert "What single words do" not in printed(lambda console: print_report(sample.flights_report(), console))


def test_the_colour_of_a_word_is_its_sign_and_a_long_text_is_cut_short(sample: SimpleNamespace) -> None:
    report = sample.texts_and_images_report()
    words = [{"text": "good", "attribution": 1.0}, {"text": "bad\x1b[2J", "attribution": -0.3}]
    words += [{"text": "and", "attribution": 0.01}] * 99
    only = report.examples[0].model_dump() | {"tokens": [{"input": "ids", "feature": "text", "words": words}]}
    report = Report.model_validate({**report.model_dump(), "examples": [only]})
    out = io.StringIO()
    print_report(report, Console(file=out, width=2000, force_terminal=True, color_system="256", highlight=False))
    text = out.getvalue()
    assert "\x1b[1;38;5;130mgood\x1b[0m \x1b[38;5;25mbad\\x1b[2J\x1b[0m and and" in text
    assert "... and 41 more" in text
    assert text.count("row 2013-11-27-UA-1545-EWR") == 1


def test_a_withheld_report_says_so_and_which_check_failed(sample: SimpleNamespace) -> None:
    text = printed(lambda console: print_report(sample.withheld_report(), console))
    assert "These numbers are withheld: do not use them." in text
    assert "failed (critical)  Completeness" in text


def test_an_ad_hoc_report_says_so_alone_and_beside_others(sample: SimpleNamespace) -> None:
    report = sample.flights_report(overrides=[{"field": "attribution.tolerance", "spec": 0.01, "run": 0.1}])
    lines = printed(lambda console: print_report(report, console), width=200).splitlines()
    assert lines[1] == (
        "Ad-hoc run: this is not the official report. attribution.tolerance is 0.1, in the spec it is 0.01."
    )
    beside = printed(lambda console: print_side_by_side([report, sample.flights_report()], console), width=200)
    assert beside.count("(ad-hoc)") == 2  # above its column, and where its trust is told


def test_paths_stand_whole_on_one_line(sample: SimpleNamespace) -> None:
    where = "file:///" + "deep/" * 40 + "report.html"
    text = printed(lambda console: print_report(sample.flights_report(), console, paths={"page": where}), width=60)
    assert text.splitlines()[-1] == f"page: {where}"


def test_names_are_neither_markup_nor_control_sequences(sample: SimpleNamespace) -> None:
    name = "[red]x[/red]\x1b[2J\u202e[/]"
    rows = [row.model_copy(update={"feature": name}) for row in sample.flights_report().ranking()[:1]]
    report = sample.flights_report().model_copy(update={"importance": tuple(rows), "name": name})
    for text in (
        printed(lambda console: print_report(report, console, paths={name: name})),
        printed(lambda console: print_side_by_side([report, report], console)),
    ):
        assert "[red]x[/red]\\x1b[2J" in text
        assert "\x1b" not in text


def test_models_stand_beside_each_other_by_rank(sample: SimpleNamespace) -> None:
    torch = sample.flights_report()
    keras = sample.flights_report(name="flights_keras", importance=sample.flights_body()["importance"][1:])
    text = printed(lambda console: print_side_by_side([torch, keras], console, top=2), width=80)
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["flights_torch", "2013-11", "flights_keras", "2013-11"]
    assert lines[1] == ["log-odds", "log-odds"]
    assert lines[2][:4] == ["1", "Departure", "delay", "2.410"]
    assert lines[2][-3:-1] == ["Aircraft", "0.4392"]
    assert "flights_keras 2013-11: These numbers can be trusted." in text


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("many", [1, 2, 3, 5])
def test_nothing_is_cut_off_beside_other_reports(many: int, width: int, sample: SimpleNamespace) -> None:
    long = [{"name": "dep_delay", "label": "Departure delay in minutes after the time planned"}]
    space = [{"name": "late", "space": "margin"}]
    reports = [sample.flights_report(name=f"model_number_{i}", features=long, targets=space) for i in range(many)]
    text = printed(lambda console: print_side_by_side(reports, console), width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    shown = text.split("model_number_0 2013-11: ")[0]
    for row in reports[0].ranking()[:10]:
        assert shown.count(number(row.abs_mean)) == many
    assert "".join(shown.split()).count("minutes") == many
    assert shown.count("█") >= 3 * many


def test_reasons_of_rows_that_were_not_explained_are_told(sample: SimpleNamespace) -> None:
    text = printed(lambda console: print_report(sample.flights_report(), console))
    assert "324 rows could not be explained:" in text
    assert "301  missing value in temp" in text


def test_reports_of_different_length_are_filled_up(sample: SimpleNamespace) -> None:
    short = sample.flights_report(importance=sample.flights_body()["importance"][:1])
    text = printed(lambda console: print_side_by_side([short, sample.flights_report()], console, top=2))
    assert text.splitlines()[3].split()[:2] == ["2", "Aircraft"]
