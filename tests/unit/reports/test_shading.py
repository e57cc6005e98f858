"""Words and images of a row: shaded by their attributions, escaped, and their numbers beside them."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pyarrow as pa
import pytest

from ig_tasks.reports.examples import choose_examples
from ig_tasks.reports.page import render_page
from ig_tasks.reports.shading import heatmap_views, passage_views
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder
from ig_tasks.store.report import Example, Report

WORDS = [
    {"text": "<b>very</b>", "attribution": 0.5},
    {"text": "Ġbad", "attribution": -1.0},
    {"text": "film", "attribution": 0.0},
]


@pytest.fixture
def report(sample: SimpleNamespace) -> Report:
    body = sample.flights_report(**sample.BARE).model_dump(mode="json")
    whole = sample.flights_report().model_dump(mode="json")["examples"][0]
    whole["tokens"] = [{"input": "<i>review</i>", "words": WORDS}]
    whole["heatmaps"] = [{"input": "image", "rows": [[0.25, -0.5], [None, 0.0]]}]
    return Report.model_validate({**body, "examples": [whole]})


def test_shades_go_by_the_greatest_of_the_row(report: Report) -> None:
    (passage,) = passage_views(report.examples[0])
    assert [word.text for word in passage.words] == ["<b>very</b>", "bad", "film"]
    assert [word.colour for word in passage.words] == [
        "rgba(181,82,11,0.310)",
        "rgba(42,102,173,0.620)",
        "rgba(42,102,173,0.000)",
    ]
    assert [(place, word.text) for place, word in passage.strongest] == [(2, "bad"), (1, "<b>very</b>"), (3, "film")]
    (heatmap,) = heatmap_views(report.examples[0])
    assert [[cell.colour for cell in row] for row in heatmap.rows] == [
        ["rgba(181,82,11,0.310)", "rgba(42,102,173,0.620)"],
        ["transparent", "rgba(42,102,173,0.000)"],
    ]


def test_the_page_shows_words_and_cells_and_escapes_them(report: Report) -> None:
    page = render_page(report)
    assert "&lt;b&gt;very&lt;/b&gt;" in page
    assert "<b>very</b>" not in page
    assert "<i>review</i>" not in page
    assert re.search(r'<td style="background:rgba\(42,102,173,0\.620\)"><data value="-0\.5">', page)
    assert "word by word" in page


def test_a_long_text_is_shown_by_its_beginning(report: Report) -> None:
    example = report.examples[0]
    parts = [{"feature": "carrier", "value": "w" * 500, "attribution": 1.0}]
    long = Report.model_validate(
        {**report.model_dump(mode="json"), "examples": [{**example.model_dump(mode="json"), "contributions": parts}]}
    )
    assert f"<td>{'w' * 99}…</td>" in render_page(long)


def test_a_report_without_them_says_nothing_of_them(sample: SimpleNamespace) -> None:
    page = render_page(sample.flights_report())
    assert "word by word" not in page
    assert 'class="heatmap"' not in page


def test_examples_hold_what_a_shard_kept(tmp_path) -> None:
    folder = Folder(str(tmp_path))
    folder.write_table("s.parquet", pa.table({
        "row_id": ["only"], "output": [1.0], "baseline_output": [0.0], "convergence_delta": [0.0],
        "status": ["converged"], "attribution:image[0,0]": [1.0], "attribution:image[0,1]": [-2.0],
        "attribution:text": [0.5], "input:text": ["a film"], "tokens:ids": [["a", "film"]],
        "token_attributions:ids": [[0.75, -0.25]],
    }))  # fmt: skip
    summary = SimpleNamespace(
        rows_explained=1, outputs={"late": FeatureStatistics.of(pa.array([1.0]).to_numpy()[:, None], ["output"])}
    )
    grids = {"image": [["image[0,0]", "image[0,1]"]]}
    (found,) = choose_examples(folder, ["s.parquet"], summary, 1, grids)
    assert isinstance(found, Example)
    assert [(word.text, word.attribution) for word in found.tokens[0].words] == [("a", 0.75), ("film", -0.25)]
    assert (found.tokens[0].input, found.heatmaps[0].rows) == ("ids", ((1.0, -2.0),))
    assert {part.feature: part.value for part in found.contributions}["text"] == "a film"
