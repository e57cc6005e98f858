"""Intervals of clusters: they hold what they promise, and are the same however the rows are divided into shards."""

import json

import numpy as np
import pytest

from ig_tasks.errors import InputError
from ig_tasks.statistics import ClusterSpread, FeatureStatistics, GroupedStatistics, abs_mean_interval

T_3 = 3.182446305284263  # Student's t, 97.5 %, three degrees of freedom


def jackknife(values, clusters):
    """(mean, error) of |values| by leaving out one cluster after the other, as the definition says."""
    sizes, names = np.abs(values), sorted(set(clusters))
    left = np.array([sizes[clusters != name].mean(axis=0) for name in names])
    whole = sizes.mean(axis=0)
    return whole, np.sqrt((len(names) - 1) / len(names) * ((left - whole) ** 2).sum(axis=0))


def satterthwaite(counts):
    """Degrees of freedom by the matrix of residuals' covariances: 2 E[v]^2 / Var[v]."""
    n, total = np.asarray(counts, float), float(np.sum(counts))
    residuals = np.eye(len(n)) - (n / total)[None, :]  # mean of a cluster minus the mean of all rows
    weights = n / (total - n)
    form = np.outer(weights, weights) * ((residuals / n) @ residuals.T)
    return np.trace(form) ** 2 / (form**2).sum()


@pytest.fixture
def rows():
    draw = np.random.default_rng(2)
    days = draw.choice([f"2013-05-{day:02d}" for day in range(1, 20)], 3000, p=draw.dirichlet(np.full(19, 2.0)))
    origins = np.array(["EWR", "JFK", "LGA"], dtype=object)[draw.integers(0, 3, 3000)]
    effects = {day: draw.normal(0, 1, 3) for day in sorted(set(days))}
    values = draw.normal(1.5, 0.4, (3000, 3)) + np.stack([effects[day] for day in days])
    return values, days.astype(object), origins


def test_clusters_of_one_size_have_the_error_of_their_means_and_one_degree_less():
    values = np.array([[1.0], [-3.0], [2.0], [-2.0], [4.0], [0.0], [7.0], [-5.0]])
    spread = ClusterSpread.of(values, ["a", "a", "b", "b", "c", "c", "d", "d"])
    means = np.array([2.0, 2.0, 2.0, 6.0])
    half = T_3 * means.std(ddof=1) / 2
    low, high = spread.interval(0.95)
    assert (low[0], high[0]) == (0.0, pytest.approx(3.0 + half, rel=1e-12))


def test_clusters_of_any_size_have_the_error_of_leaving_one_out(rows):
    from scipy.stats import t

    values, days, _ = rows
    low, high = FeatureStatistics.of(values, "abc", clusters=ClusterSpread.of(values, days)).abs_mean_interval(0.95)
    mean, error = jackknife(values, days)
    freedom = satterthwaite(np.unique(days.astype(str), return_counts=True)[1])
    assert 8 < freedom < 17
    np.testing.assert_allclose(high, mean + t.ppf(0.975, freedom) * error, rtol=1e-9)
    np.testing.assert_allclose(low, mean - t.ppf(0.975, freedom) * error, rtol=1e-9)
    np.testing.assert_allclose(abs_mean_interval([4, 4, 4], [[4.0], [8.0], [6.0]], 0.95)[1], 1.5 + 4.3026527 / 12**0.5)


@pytest.mark.parametrize("shards", [1, 7, 64])
def test_any_sharding_gives_the_same_intervals_of_every_level_and_so_does_json(rows, shards):
    values, days, origins = rows
    order = np.random.default_rng(shards).permutation(len(values))
    parts = [
        GroupedStatistics.of(values[part], "abc", {"origin": origins[part]}, days[part])
        for part in np.array_split(order, shards)
    ]
    written = [json.loads(json.dumps(part.to_json())) for part in parts]
    merged = GroupedStatistics.merge_all(GroupedStatistics.from_json(part) for part in written)
    assert merged.overall.clusters is None  # those over all rows are among the sums for comparisons
    for _, level, found in merged.segments():
        inside = origins == level
        expected = ClusterSpread.of(values[inside], days[inside])
        assert found.clusters.grid.keys == expected.grid.keys
        assert found.clusters.rows.tolist() == expected.rows.tolist()
        np.testing.assert_allclose(found.abs_mean_interval(), expected.interval(0.95), rtol=1e-9)


def test_more_clusters_than_are_told_apart_share_buckets_the_same_in_any_order():
    draw = np.random.default_rng(1)
    values, customers = draw.normal(size=(4000, 2)), draw.integers(0, 900, 4000).astype(str).astype(object)
    whole = ClusterSpread.of(values, customers)
    assert 20 <= len(whole) <= 64
    first, *others = [ClusterSpread.of(values[part], customers[part]) for part in np.array_split(np.arange(4000), 9)]
    for other in reversed(others):
        first = other.merge(first)
    assert (first.grid.keys, first.rows.tolist()) == (whole.grid.keys, whole.rows.tolist())
    np.testing.assert_allclose(first.absolute, whole.absolute, rtol=1e-12)
    assert whole.rows.sum() == 4000


def test_one_cluster_has_no_interval_and_shards_without_sums_leave_none():
    one = FeatureStatistics.of([[1.0], [2.0]], "x", clusters=ClusterSpread.of([[1.0], [2.0]], ["a", "a"]))
    assert np.isnan(one.abs_mean_interval()).all()
    without = FeatureStatistics.of([[1.0], [2.0]], "x")
    assert one.merge(without).clusters is None
    assert without.merge(one).clusters is None
    assert "clusters" not in without.to_json()
    with pytest.raises(InputError, match="1 values for 2 rows"):
        ClusterSpread.of([[1.0], [2.0]], ["a"])


@pytest.mark.parametrize("count", [2, 3, 5, 10, 19, 40])
@pytest.mark.parametrize("uneven", [0.0, 0.5, 1.0], ids=["one size", "uneven", "very uneven"])
def test_intervals_hold_the_truth_in_95_percent_where_clusters_have_effects(count, uneven):
    draw = np.random.default_rng([count, int(10 * uneven)])
    trials, held = 1500, 0
    for _ in range(trials):
        rows = np.maximum(np.round(np.exp(draw.normal(np.log(50), uneven, count))), 1)
        sums = rows * (1 + 0.3 * draw.normal(size=count)) + np.sqrt(rows) * 0.5 * draw.normal(size=count)
        low, high = abs_mean_interval(rows, sums[:, None], 0.95)
        held += int(low[0] <= 1.0 <= high[0])
    assert held / trials == pytest.approx(0.955, abs=0.025)  # 95 % +- 2, or a little more where sizes differ much


def without_some_labels(days, draw, share=0.3):
    labels = days.copy()
    labels[draw.random(len(days)) < share] = None
    return labels


def test_rows_without_a_label_count_for_the_mean_and_the_others_for_its_error(rows):
    values, days, origins = rows
    labels = without_some_labels(days, np.random.default_rng(4))
    known = np.array([label is not None for label in labels])
    low, high = ClusterSpread.of(values[known], labels[known], 400).interval(0.95)
    half = (high - low) / 2
    mean = np.abs(values).mean(axis=0)
    spread = ClusterSpread.of(values, labels, 400)
    assert len(spread) == 19
    np.testing.assert_allclose(spread.interval(0.95), [mean - half, mean + half], rtol=1e-12)
    # Also where clusters share buckets, in any sharding, and of levels of a segment.
    for parts in (1, 7, 64):
        few = None
        for value, label, origin in zip(
            *(np.array_split(array, parts) for array in (values, labels, origins)), strict=True
        ):
            part = ClusterSpread.of(value, label, 10)
            grouped = GroupedStatistics.of(value, "abc", {"origin": origin}, label)
            few = (part, grouped) if few is None else (few[0].merge(part), few[1].merge(grouped))
        assert len(few[0]) < 10
        shared = few[0].grid.labelled
        assert few[0].rows[~shared].sum() == (~known).sum()
        if parts == 1:
            first = few
        np.testing.assert_allclose(few[0].interval(0.95), first[0].interval(0.95), rtol=1e-12)
        of_level = [statistics.abs_mean_interval() for *_, statistics in few[1].segments()]
        np.testing.assert_allclose(of_level, [s.abs_mean_interval() for *_, s in first[1].segments()], rtol=1e-12)


def test_rows_without_any_label_give_no_interval():
    spread = ClusterSpread.of([[1.0], [2.0], [3.0]], [None, None, None])
    assert len(spread) == 0
    assert np.isnan(spread.interval(0.95)).all()


def test_intervals_hold_what_they_promise_where_labels_are_lost():
    draw, held, times = np.random.default_rng(11), 0, 300
    for _ in range(times):
        days = np.repeat(np.arange(25), draw.integers(20, 60, 25)).astype(object)
        values = 10.0 + draw.normal(0, 1, 25)[days.astype(int)] + draw.normal(0, 2, len(days))
        low, high = ClusterSpread.of(values[:, None], without_some_labels(days, draw)).interval(0.95)
        held += bool(low[0] <= 10.0 <= high[0])
    assert 0.92 < held / times < 0.98
