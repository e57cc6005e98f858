"""Moments equal numpy's on all rows, however the rows were split, merged and written down."""

import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics import FeatureStatistics

NAMES = ("a", "b", "c")
UNEQUAL = [1, 2, 40, 41, 700, 701, 5000]


def table(rows=6000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 3)) * [1.0, 1e-3, 50.0] + [0.0, 2.0, -1e4]


def merged(values, cuts):
    parts = [FeatureStatistics.of(part, NAMES) for part in np.split(values, cuts)]
    result = parts[0]
    for part in parts[1:]:
        result = result.merge(part)
    return result


def text(statistics):
    return json.dumps(statistics.to_json(), allow_nan=False)


def assert_equals_numpy(found, values, *, rtol=1e-12):
    assert found.count == len(values)
    for name, expected in {
        "mean": values.mean(axis=0),
        "abs_mean": np.abs(values).mean(axis=0),
        "std_dev": values.std(axis=0),
        "mean_square": np.square(values).mean(axis=0),
    }.items():
        np.testing.assert_allclose(getattr(found, name), expected, rtol=rtol, atol=1e-12, err_msg=name)
    np.testing.assert_array_equal(found.minimum, values.min(axis=0))
    np.testing.assert_array_equal(found.maximum, values.max(axis=0))


def test_one_table_equals_numpy():
    assert_equals_numpy(FeatureStatistics.of(table(), NAMES), table())


def test_unequal_shards_are_weighted_by_their_rows():
    assert_equals_numpy(merged(table(), UNEQUAL), table())


def test_the_spread_of_a_large_mean_is_not_lost():
    values = 1e8 + np.random.default_rng(0).standard_normal((10_000, 3))
    np.testing.assert_allclose(merged(values, UNEQUAL).std_dev, values.std(axis=0), rtol=1e-9)


@given(values=arrays(np.float64, (60, 3), elements=st.floats(-1e3, 1e3)), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_any_split_gives_the_same_moments(values, cuts):
    whole, split = FeatureStatistics.of(values, NAMES), merged(values, sorted(cuts))
    scale = np.abs(values).max() + 1e-300
    for name in ("mean", "abs_mean"):
        np.testing.assert_allclose(getattr(split, name), getattr(whole, name), rtol=1e-12, atol=1e-12 * scale)
    np.testing.assert_allclose(split.mean_square, whole.mean_square, rtol=1e-12, atol=1e-12 * scale**2)
    np.testing.assert_allclose(split.std_dev**2, whole.std_dev**2, rtol=1e-12, atol=1e-12 * scale**2)
    np.testing.assert_array_equal(split.minimum, whole.minimum)


@given(cuts=st.lists(st.integers(0, 400), min_size=3, max_size=3))
def test_merging_is_associative_to_rounding(cuts):
    a, b, c, d = (FeatureStatistics.of(part, NAMES) for part in np.split(table(400), sorted(cuts)))
    left, right = a.merge(b).merge(c).merge(d), a.merge(b).merge(c.merge(d))
    np.testing.assert_allclose(left.mean, right.mean, rtol=1e-12)
    np.testing.assert_allclose(left.std_dev, right.std_dev, rtol=1e-11)
    assert left.count == right.count == 400


def test_one_order_gives_the_same_bits():
    assert text(merged(table(), UNEQUAL)) == text(merged(table(), UNEQUAL))


def test_json_gives_the_same_bits_and_goes_on_merging_alike():
    first, second = (FeatureStatistics.of(table(900, seed), NAMES) for seed in (1, 2))
    again = FeatureStatistics.from_json(json.loads(text(first)))
    assert text(again) == text(first)
    assert text(again.merge(second)) == text(first.merge(second))


def test_the_median_is_within_half_a_percent_of_rank():
    values = table(100_000)
    found = merged(values, [3, 16_384, 50_000]).median
    assert np.abs((values < found).mean(axis=0) - 0.5).max() < 0.005


def test_quantile_ends_are_the_extremes():
    found = FeatureStatistics.of(table(), NAMES)
    np.testing.assert_array_equal(found.quantile(0.0), found.minimum)
    np.testing.assert_array_equal(found.quantile(1.0), found.maximum)


def test_the_interval_is_students_t_on_the_absolute_values():
    values = table(12)
    low, high = FeatureStatistics.of(values, NAMES).abs_mean_interval(0.9)
    expected = stats.t.interval(0.9, 11, np.abs(values).mean(axis=0), stats.sem(np.abs(values), axis=0))
    np.testing.assert_allclose(high, expected[1], rtol=1e-12)
    np.testing.assert_allclose(low, np.maximum(expected[0], 0), rtol=1e-12)


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(11)
    columns = np.abs(rng.standard_normal((200, 2000)))
    low, high = FeatureStatistics.of(columns, [str(i) for i in range(2000)]).abs_mean_interval(0.9)
    held = ((low <= np.sqrt(2 / np.pi)) & (np.sqrt(2 / np.pi) <= high)).mean()
    assert 0.87 < held < 0.93


def test_the_interval_does_not_go_below_zero():
    low, _ = FeatureStatistics.of([[0.0], [0.0], [9.0]], ["a"]).abs_mean_interval(0.99)
    assert low.tolist() == [0.0]


def test_no_rows_are_nothing_and_change_nothing():
    nothing = FeatureStatistics.of(np.empty((0, 3)), NAMES)
    assert nothing.count == 0
    for name in ("mean", "abs_mean", "std_dev", "mean_square", "median", "minimum", "maximum"):
        assert np.isnan(getattr(nothing, name)).all(), name
    assert np.isnan(nothing.abs_mean_interval()).all()
    some = FeatureStatistics.of(table(5), NAMES)
    assert text(nothing.merge(some)) == text(some.merge(nothing)) == text(some)
    assert text(FeatureStatistics.from_json(nothing.to_json()).merge(nothing)) == text(nothing)


def test_one_row_has_no_spread_and_no_interval():
    one = FeatureStatistics.of([[1.0, -2.0, 0.0]], NAMES)
    assert one.mean.tolist() == one.median.tolist() == [1.0, -2.0, 0.0]
    assert one.std_dev.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(one.abs_mean_interval()).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_refused_by_name(bad):
    values = table(10)
    values[4, 1] = bad
    with pytest.raises(InputError, match="'b': not finite"):
        FeatureStatistics.of(values, NAMES)


def test_shapes_names_and_levels_are_checked():
    with pytest.raises(InputError, match=r"shape \(10, 3\)"):
        FeatureStatistics.of(table(10), ["a", "b"])
    with pytest.raises(InputError, match="different features"):
        FeatureStatistics.of(table(10), NAMES).merge(FeatureStatistics.of(table(10), ("a", "b", "d")))
    with pytest.raises(InputError, match="quantile"):
        FeatureStatistics.of(table(10), NAMES).quantile(1.5)
    with pytest.raises(InputError, match="level"):
        FeatureStatistics.of(table(10), NAMES).abs_mean_interval(95)


def test_a_damaged_file_says_what_to_do():
    with pytest.raises(RunError, match="run again"):
        FeatureStatistics.from_json({"features": ["a"], "count": 3})


def test_the_tails_share_is_that_of_the_sorted_rows_however_they_are_divided() -> None:
    values = np.random.default_rng(8).standard_t(2, size=(20_000, 2)) * [1.0, -3.0]
    sizes = -np.sort(-np.abs(values), axis=0)
    expected = sizes[:200].sum(axis=0) / sizes.sum(axis=0)
    whole = FeatureStatistics.of(values, ["a", "b"])
    parts = [FeatureStatistics.of(part, ["a", "b"]) for part in np.array_split(values, 9)]
    merged = functools.reduce(FeatureStatistics.merge, parts)
    for statistics in (whole, merged):
        np.testing.assert_allclose(statistics.tail_share(0.01), expected, rtol=5e-3)
    assert np.isnan(FeatureStatistics.of(values[:99], ["a", "b"]).tail_share(0.01)).all()
    assert np.isnan(FeatureStatistics.of(np.zeros((200, 1)), ["a"]).tail_share(0.01)).all()
