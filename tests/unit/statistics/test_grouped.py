"""Every segment's statistics are those of its rows."""

import json

import numpy as np
import pandas as pd
import pytest

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics import MISSING, OVERALL, FeatureStatistics, GroupedStatistics

FEATURES = ("x", "y")


@pytest.fixture
def values():
    return np.random.default_rng(5).standard_normal((3000, 2))


@pytest.fixture
def segments():
    rng = np.random.default_rng(6)
    carriers = np.array(["UA", "AA", "B6", None], dtype=object)[rng.integers(0, 4, 3000)]
    return {"carrier": carriers, "origin": np.array(["JFK", "EWR"], dtype=object)[rng.integers(0, 2, 3000)]}


def parts(values, segments, cuts):
    rows = np.split(np.arange(len(values)), cuts)
    return [
        GroupedStatistics.of(values[r], FEATURES, {name: cells[r] for name, cells in segments.items()}) for r in rows
    ]


def test_each_level_holds_the_statistics_of_its_rows(values, segments):
    grouped = GroupedStatistics.of(values, FEATURES, segments)
    united = segments["carrier"] == "UA"
    expected = values[united]
    found = grouped.groups["carrier", "UA"]
    assert found.count == united.sum()
    np.testing.assert_allclose(found.abs_mean, np.abs(expected).mean(axis=0), rtol=1e-13)
    assert np.abs((expected < found.median).mean(axis=0) - 0.5).max() < 0.005


def test_levels_are_sorted_and_cover_all_rows(values, segments):
    grouped = GroupedStatistics.of(values, FEATURES, segments)
    assert [(column, level) for column, level, _ in grouped.segments()] == [
        *(("carrier", level) for level in (MISSING, "AA", "B6", "UA")),
        *(("origin", level) for level in ("EWR", "JFK")),
    ]
    for column in segments:
        assert sum(s.count for name, _, s in grouped.segments() if name == column) == grouped.overall.count == 3000


def test_without_segments_there_is_the_overall_group_alone(values):
    assert list(GroupedStatistics.of(values, FEATURES).groups) == [OVERALL]


def test_merging_shards_equals_the_whole(values, segments):
    whole = GroupedStatistics.of(values, FEATURES, segments)
    merged = GroupedStatistics.merge_all(parts(values, segments, [7, 1000, 1001]))
    assert list(merged.groups) == list(whole.groups)
    for group, expected in whole.groups.items():
        assert merged.groups[group].count == expected.count
        for name in ("mean", "abs_mean", "std_dev", "mean_square"):
            np.testing.assert_allclose(
                getattr(merged.groups[group], name), getattr(expected, name), rtol=1e-12, atol=1e-14
            )


def test_a_level_seen_by_one_shard_alone_is_kept():
    first = GroupedStatistics.of([[1.0]], ["x"], {"s": ["b"]})
    second = GroupedStatistics.of([[2.0]], ["x"], {"s": ["a"]})
    merged = first.merge(second)
    assert [(level, s.mean.tolist()) for _, level, s in merged.segments()] == [("a", [2.0]), ("b", [1.0])]


def test_levels_that_come_late_take_their_columns_place():
    first = GroupedStatistics.of([[1.0]], ["x"], {"s": ["b"], "t": ["c"]})
    second = GroupedStatistics.of([[2.0]], ["x"], {"s": ["a"], "t": ["c"]})
    assert list(first.merge(second).groups) == [OVERALL, ("s", "a"), ("s", "b"), ("t", "c")]


def test_json_gives_the_same_bits(values, segments):
    grouped = GroupedStatistics.of(values, FEATURES, segments)
    written = json.dumps(grouped.to_json(), allow_nan=False)
    assert json.dumps(GroupedStatistics.from_json(json.loads(written)).to_json()) == written


def test_the_same_shards_in_the_same_order_give_the_same_bits(values, segments):
    cuts = [7, 1000, 1001]
    first, second = (GroupedStatistics.merge_all(parts(values, segments, cuts)).to_json() for _ in range(2))
    assert json.dumps(first) == json.dumps(second)


def test_levels_become_strings_and_equal_words_are_one_level():
    grouped = GroupedStatistics.of([[1.0], [2.0], [4.0]], ["x"], {"s": np.array([1, "1", pd.NA], dtype=object)})
    assert {level: s.count for _, level, s in grouped.segments()} == {"1": 2, MISSING: 1}


def test_pandas_strings_are_levels_too():
    cells = pd.Series(["u", None, "u"], dtype="str")
    grouped = GroupedStatistics.of([[1.0], [2.0], [4.0]], ["x"], {"s": cells})
    assert {level: s.count for _, level, s in grouped.segments()} == {"u": 2, MISSING: 1}


def test_no_rows_have_no_levels():
    empty = GroupedStatistics.of(np.empty((0, 2)), FEATURES, {"s": np.empty(0, dtype=object)})
    assert list(empty.groups) == [OVERALL]
    assert isinstance(empty.overall, FeatureStatistics)
    assert empty.overall.count == 0


def test_segments_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"segments\.s: 2 values for 3 rows"):
        GroupedStatistics.of([[1.0], [2.0], [4.0]], ["x"], {"s": ["a", "b"]})


def test_nothing_to_merge_is_an_error():
    with pytest.raises(RunError, match="no shards"):
        GroupedStatistics.merge_all([])
    with pytest.raises(RunError, match="run again"):
        GroupedStatistics.from_json({})
