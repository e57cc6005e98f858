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
from ig_tasks.store.report import Example, Heatmap, Report

pytestmark = pytest.mark.usefixtures("undrawn")

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
    (passage,) = passage_views(report.examples[0], report)
    assert [word.text for word in passage.words] == ["<b>very</b>", "bad", "film"]
    assert [word.colour for word in passage.words] == [
        "rgba(181,82,11,0.310)",
        "rgba(42,102,173,0.620)",
        "rgba(42,102,173,0.000)",
    ]
    assert [(place, word.text) for place, word in passage.strongest] == [(2, "bad"), (1, "<b>very</b>"), (3, "film")]
    (heatmap,) = heatmap_views(report.examples[0], report)
    assert [[cell.colour for cell in row] for row in heatmap.rows] == [
        ["rgba(181,82,11,0.310)", "rgba(42,102,173,0.620)"],
        ["transparent", "rgba(42,102,173,0.000)"],
    ]


def text(report: Report, *words: tuple[str, float | None], kind: str = "tokens", feature: str = "text") -> Report:
    example = report.examples[0].model_dump(mode="json")
    passage = {"input": "ids", "feature": feature, "words": [{"text": w, "attribution": a} for w, a in words]}
    return Report.model_validate(
        {
            **report.model_dump(mode="json"),
            "features": [{"name": "text", "label": "Review & more", "kind": kind}],
            "examples": [{**example, "tokens": [passage]}],
        }
    )


def test_pieces_are_one_word_with_the_sum_of_their_attributions(report: Report) -> None:
    pieces = [("the", 0.25), ("f", 0.5), ("##e", -0.125), ("##m", 0.125), ("form", -1.0), ("##", 0.0), ("#", 0.0)]
    report = text(report, *pieces)
    (passage,) = passage_views(report.examples[0], report)
    assert [(word.text, word.attribution) for word in passage.words] == [
        ("the", 0.25), ("fem", 0.5), ("form", -1.0), ("##", 0.0), ("#", 0.0),
    ]  # fmt: skip
    assert passage.words[1].colour == "rgba(181,82,11,0.310)"
    # A word's place is counted in words.
    assert [(place, word.text) for place, word in passage.strongest][:3] == [(3, "form"), (2, "fem"), (1, "the")]


def test_a_piece_without_a_beginning_stays_and_an_unknown_part_makes_an_unknown_sum(report: Report) -> None:
    report = text(report, ("##s", 0.5), ("a", None), ("##b", 0.25), ("##c", 0.25))
    (passage,) = passage_views(report.examples[0], report)
    assert [(word.text, word.attribution) for word in passage.words] == [("##s", 0.5), ("abc", None)]


def test_categories_of_a_bag_are_no_pieces_and_are_called_categories(report: Report) -> None:
    report = text(report, ("a", 0.5), ("##b", 0.25), kind="bag")
    (passage,) = passage_views(report.examples[0], report)
    assert [word.text for word in passage.words] == ["a", "##b"]
    page = render_page(report)
    assert "Review &amp; more, category by category: the deeper" in page
    assert "The strongest categories of Review &amp; more, in log-odds" in page


def test_a_text_is_called_by_its_features_label(report: Report) -> None:
    page = render_page(text(report, ("a", 0.5)))
    assert "Review &amp; more, word by word: the deeper" in page
    assert "The strongest words of Review &amp; more, in log-odds" in page
    # A report of before does not say whose words they are: the input's name is all that is known.
    assert "ids, word by word" in render_page(text(report, ("a", 0.5), feature=""))


def test_next_to_nothing_is_said_in_the_room_of_a_cell(report: Report) -> None:
    def cells(*values: float | None) -> list[str]:
        heatmap = Heatmap(input="image", rows=(values,))
        example = report.examples[0].model_copy(update={"heatmaps": (heatmap,)})
        (view,) = heatmap_views(example, report)
        return [cell.text for row in view.rows for cell in row]

    assert cells(1.0, -0.012, 1e-7, 0.0, None) == ["1.0", "−0.012", "≈\u00a00", "0", "–"]
    # All of them are small: nothing is next to nothing.
    assert cells(1e-6, 1e-7) == ["1.0\u00a0×\u00a010⁻⁶", "1.0\u00a0×\u00a010⁻⁷"]
    assert cells(*[0.5] * 9) == [""] * 9


def test_values_have_a_column_where_a_row_holds_any(report: Report, sample: SimpleNamespace) -> None:
    assert '<th scope="col">Value</th>' in render_page(report)
    page = render_page(sample.texts_and_images_report())
    assert '<th scope="col">Value</th>' not in page
    table = page[page.index("Attributions of the row, in") :].partition("</table>")[0]
    assert {len(re.findall("<t[hd][ >]", row)) for row in table.split("<tr>")[1:]} == {2}


def test_nothing_is_neither_raised_nor_lowered(report: Report) -> None:
    page = render_page(text(report, ("up", 0.5), ("flat", 0.0), ("down", -0.5)))
    for word, tone in (("up", "raises"), ("flat", ""), ("down", "lowers")):
        assert re.search(rf'<th scope="row">{word}</th><td class="n">\d</td><td class="n {tone}">', page)


def test_the_page_shows_words_and_cells_and_escapes_them(report: Report) -> None:
    page = render_page(report)
    assert "&lt;b&gt;very&lt;/b&gt;" in page
    assert "<b>very</b>" not in page
    assert "<i>review</i>" not in page
    assert re.search(r'<td style="background:rgba\(42,102,173,0\.620\)"><data value="-0\.5">−0\.50</data>', page)
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
    (found,) = choose_examples(folder, ["s.parquet"], summary, 1, grids, {"ids": ("text",)})
    assert isinstance(found, Example)
    assert [(word.text, word.attribution) for word in found.tokens[0].words] == [("a", 0.75), ("film", -0.25)]
    assert (found.tokens[0].input, found.tokens[0].feature) == ("ids", "text")
    assert found.heatmaps[0].rows == ((1.0, -2.0),)
    assert {part.feature: part.value for part in found.contributions}["text"] == "a film"
