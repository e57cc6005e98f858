"""The baseline in words: true for the inputs that the model has, and where its output differs by row."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ig_tasks.reports.baseline_words import baseline_output_words, baseline_words, kinds_of
from ig_tasks.reports.page import render_page
from ig_tasks.store.report import BaselineInfo, Report

pytestmark = pytest.mark.usefixtures("undrawn")

PADDING = "padding in the place of every word, under the row's own mask where the model takes one"
MIXED = ("tokens", "categorical", "numeric")


def said(strategy: str, *kinds: str) -> str:
    return baseline_words(BaselineInfo(strategy=strategy, digest="d", output=None), kinds)


def test_the_baseline_is_said_with_what_it_was_fitted_on() -> None:
    info = BaselineInfo(strategy="auto", digest="d", output=0.0, partition="2013-01..2013-09", rows=1)
    words = "auto: the typical row: medians of numbers, frequency-weighted mean embeddings of categories"
    assert baseline_words(info, ("numeric", "categorical")) == f"{words}; fitted on 1 row of 2013-01..2013-09"
    # Reports of before say nothing of kinds.
    assert baseline_words(info) == f"{words}; fitted on 1 row of 2013-01..2013-09"


@pytest.mark.parametrize(
    ("strategy", "kinds", "words"),
    [
        ("auto", ("tokens",), f"auto: {PADDING}"),
        ("auto", ("image",), "auto: the typical row: the median of each pixel"),
        ("auto", ("numeric",), "auto: the typical row: medians of numbers"),
        (
            "auto",
            MIXED,
            "auto: the typical row: medians of numbers, frequency-weighted mean embeddings of categories, " + PADDING,
        ),
        ("zero", ("image",), "zero: zero for every pixel"),
        ("zero", ("tokens",), "zero: the zero vector for every word"),
        ("mean_embedding", ("tokens",), "mean_embedding: frequency-weighted mean embeddings of words"),
        ("blur", ("image", "numeric"), "blur: medians of numbers, each row's own images, blurred"),
        ("quantile", ("series",), "quantile: a quantile of each element of a series"),
        ("constant", ("numeric",), "constant: values of one's own, else medians of numbers"),
        ("samples", MIXED, "samples: rows drawn from the data"),
        ("reference_population", MIXED, "reference_population: members of a population"),
        ("mine", MIXED, "mine"),
    ],
)
def test_a_strategy_is_said_for_the_inputs_that_there_are(strategy: str, kinds: tuple[str, ...], words: str) -> None:
    assert said(strategy, *kinds) == words


def test_one_output_is_a_number_and_several_are_named(sample: SimpleNamespace) -> None:
    assert baseline_output_words(sample.flights_report()) == "−1.313"
    assert baseline_output_words(sample.two_target_report()) == "late −1.313; very_late 0.04120"


def texts(sample: SimpleNamespace, outputs: list[float | None]) -> Report:
    body = sample.texts_and_images_report().model_dump(mode="json")
    pairs = zip(body["examples"], outputs, strict=False)
    body["examples"] = [{**example, "baseline_output": output} for example, output in pairs]
    return Report.model_validate(body)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([0.5, -1.25, 0.25], "differs by row, as each has a baseline of its own: −1.250 to 0.5000 for the 3 rows"),
        # To the last bit a GPU's batches are not alike.
        ([0.5, 0.5000001], "by row, as each has a baseline of its own: 0.5000 for the 2 rows"),
        ([0.5], "by row, as each has a baseline of its own: 0.5000 for the row"),
    ],
)
def test_an_output_that_differs_by_row_is_said_to(sample: SimpleNamespace, outputs: list[float], words: str) -> None:
    report = texts(sample, outputs)
    assert baseline_output_words(report, report.examples) == f"{words} explained below"
    page = render_page(report)
    assert f"<dd>{words} explained below" in page
    assert "<dt>Output at the baseline</dt><dd>–" not in page


def test_without_rows_to_show_it_names_the_column(sample: SimpleNamespace) -> None:
    words = "differs by row: each has a baseline of its own; see baseline_output in the run's attributions"
    assert baseline_output_words(texts(sample, [])) == words
    assert baseline_output_words(texts(sample, [None]), texts(sample, [None]).examples) == words


def test_an_output_that_all_rows_share_and_nobody_knows_is_a_dash(sample: SimpleNamespace) -> None:
    baseline = sample.flights_body()["baseline"] | {"output": None}
    assert baseline_output_words(sample.flights_report(baseline=baseline)) == "–"
    by_level = baseline | {"segment": "origin"}
    assert baseline_output_words(sample.flights_report(baseline=by_level)).startswith("differs by row")


def test_kinds_are_those_of_the_features_each_once(sample: SimpleNamespace) -> None:
    assert kinds_of(sample.flights_report()) == ("numeric", "categorical")
    assert kinds_of(sample.texts_and_images_report()) == ("tokens", "bag", "image")
