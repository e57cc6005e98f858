"""Rows by value: a bar for each interval or category, from zero."""

from __future__ import annotations

from ig_tasks.charts.histograms import category_counts, histogram


def test_an_interval_is_a_bar_from_zero_to_its_rows() -> None:
    chart = histogram((0.0, 1.0, 2.0), (3, 5), "Delay")
    assert chart.table == ({"low": 0.0, "high": 1.0, "rows": 3}, {"low": 1.0, "high": 2.0, "rows": 5})
    encoding = chart.document["layer"][0]["encoding"]
    assert (encoding["x"]["field"], encoding["x2"]["field"], encoding["y2"]) == ("low", "high", {"datum": 0})
    assert chart.svg().startswith("<svg")


def test_one_value_alone_is_a_bar_that_is_seen() -> None:
    chart = histogram((4.0, 4.0), (9,), "Month")
    assert chart.document["layer"][0]["mark"]["width"] == 24
    assert 'd="M' in chart.svg()


def test_categories_keep_their_order() -> None:
    chart = category_counts([("UA (9)", 9), ("AA (2)", 2)], "Carrier")
    assert [row["label"] for row in chart.table] == ["UA (9)", "AA (2)"]
    assert chart.words == "Bars: rows that hold each of 2 categories of Carrier. The numbers are in the table."
