"""A column of categories is made out once, and counts the same as its values do."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ig_tasks.statistics import MISSING, AttributionSums, CategoryCounts, GroupedStatistics, Levels, as_levels

CELLS = st.lists(st.sampled_from(["b", "a", "", MISSING, None, 1, "1", float("nan")]), max_size=20)


def text(cell: object) -> str:
    return MISSING if cell is None or cell != cell else str(cell)


@given(cells=CELLS)
def test_names_are_sorted_distinct_and_each_that_of_a_row(cells: list[object]) -> None:
    levels = as_levels(np.array(cells, dtype=object))
    assert levels.names == sorted({text(cell) for cell in cells})
    assert [levels.names[code] for code in levels.codes] == [text(cell) for cell in cells]
    assert levels.texts().to_pylist() == [text(cell) for cell in cells]
    assert as_levels(levels) is levels


def test_codes_into_names_that_repeat_or_stand_for_no_row() -> None:
    levels = Levels.of_codes(np.array([2, -1, 0, 2]), ["x", "unused", "x", MISSING])
    assert (levels.names, levels.codes.tolist()) == ([MISSING, "x"], [1, 0, 1, 1])
    assert Levels.of_codes(np.empty(0, dtype=np.intp), ["x"]).names == []


def test_levels_count_as_their_values_do() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 2))
    column = np.array([None, "red", "blue"], dtype=object)[rng.integers(0, 3, 200)]
    days = rng.integers(0, 9, 200).astype(str).astype(object)
    levels, of_days = as_levels(column), as_levels(days)
    assert CategoryCounts.of(levels) == CategoryCounts.of(column)
    first = GroupedStatistics.of(values, "ab", {"c": column}, days)
    assert GroupedStatistics.of(values, "ab", {"c": levels}, of_days).to_json() == first.to_json()
    sums = AttributionSums.of(values, "ab", labels={"a": column}, clusters=days)
    assert AttributionSums.of(values, "ab", labels={"a": levels}, clusters=of_days).to_json() == sums.to_json()
