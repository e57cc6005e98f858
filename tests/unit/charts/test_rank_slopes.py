"""Two reports side by side: lines from rank to rank, and marks of importance before and after."""

from __future__ import annotations

from typing import Any

from ig_tasks.charts.rank_slopes import Pair, Slope, importance_pairs, rank_slopes
from ig_tasks.presentation.colours import ACCENT, FAINT

SLOPES = [
    Slope("Delay", 1, 1),
    Slope("Carrier", 5, 2),
    Slope("Humidity", 3, None),
    Slope("A very long name of a feature 1", 2, 3),
    Slope("A very long name of a feature 2", 4, 50),
]


def points() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rank_slopes(SLOPES, "2013-01", "2013-02").document["layer"][0]["data"]["values"]
    return found


def test_each_rank_has_its_place_and_those_far_below_share_the_last() -> None:
    assert {(point["label"], point["side"]): point["place"] for point in points()} == {
        ("Delay", "before"): 1, ("Delay", "after"): 1,
        ("Carrier", "before"): 5, ("Carrier", "after"): 2,
        ("Humidity", "before"): 3,
        (SLOPES[3].label, "before"): 2, (SLOPES[3].label, "after"): 3,
        (SLOPES[4].label, "before"): 4, (SLOPES[4].label, "after"): 21,
    }  # fmt: skip


def test_moves_of_three_ranks_stand_out() -> None:
    colours = {point["label"]: point["colour"] for point in points()}
    assert [label for label, colour in colours.items() if colour == ACCENT] == ["Carrier", SLOPES[4].label]
    assert colours["Humidity"] == FAINT


def test_names_stand_beside_their_ranks_and_are_told_apart() -> None:
    texts = [point["text"] for point in points()]
    assert texts[:2] == ["Delay  1", "1  Delay"]
    assert len(set(texts)) == len(texts)
    assert "50  A very lo…eature 2" in texts


def test_the_words_and_the_table_say_what_the_lines_show() -> None:
    chart = rank_slopes(SLOPES, "2013-01", "2013-02")
    assert chart.words.startswith("Slope chart: the ranks of 5 features in 2013-01 and in 2013-02, 2 of which moved")
    assert chart.table[2] == {"label": "Humidity", "rank before": 3, "rank after": None}


def test_pairs_are_hollow_before_and_filled_after() -> None:
    chart = importance_pairs([Pair("Delay", 2.0, 2.5), Pair("New", None, 0.5)], "mean |attribution| (log-odds)")
    assert [layer["encoding"]["x"]["field"] for layer in chart.document["layer"]] == ["before", "before", "after"]
    assert chart.table == (
        {"label": "Delay", "before": 2.0, "after": 2.5},
        {"label": "New", "before": None, "after": 0.5},
    )
    assert "Delay" in chart.svg()
