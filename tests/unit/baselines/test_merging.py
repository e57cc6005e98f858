"""Shards merge to what one pass over all rows gives, and a row's own baseline is its own in any order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ig_tasks.baselines.clusters import cluster
from ig_tasks.baselines.counts import BaselineCounts
from ig_tasks.baselines.draws import RowSample
from ig_tasks.baselines.fitting import fit_baseline
from ig_tasks.baselines.per_row import row_hashes, uniform
from ig_tasks.data.inputs import InputSpec
from ig_tasks.spec import BaselineSpec

INPUTS = {
    "numeric": InputSpec(columns=("a", "b")),
    "kind": InputSpec(columns=("kind",), vocabulary=("red", "green"), offset=1, unknown=0, layer="embed"),
    "series": InputSpec(columns=("s",), kind="series", length=3),
}
EXACT = [
    ("auto", {}),
    ("quantile", {"q": 0.3}),
    ("unknown", {}),
    ("samples", {"k": 4, "seed": 3}),
    ("reference_population", {"k": 4, "seed": 3}),
    ("kmeans", {"k": 3}),
    ("noise", {"seed": 2}),
    ("max_distance", {}),
    ("blur", {}),
    ("constant", {"value": {"a": 2.0}}),
]


def table(rows: int, seed: int) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    return {
        "numeric": draw.integers(-5, 6, size=(rows, 2)).astype(np.float32),
        "kind": draw.integers(0, 3, size=rows),
        "series": draw.normal(size=(rows, 3, 1)).astype(np.float32),
    }


@st.composite
def cut(draw: Any) -> tuple[dict[str, Any], list[int]]:
    rows = draw(st.integers(1, 40))
    ends = sorted(draw(st.lists(st.integers(0, rows), max_size=4)))
    return table(rows, draw(st.integers(0, 5))), [0, *ends, rows]


@pytest.mark.parametrize(("strategy", "options"), EXACT)
@settings(max_examples=25, deadline=None)
@given(parts=cut())
def test_any_shards_give_the_same_baseline_to_the_bit(
    strategy: str, options: dict[str, Any], parts: tuple[dict[str, Any], list[int]]
) -> None:
    arrays, ends = parts
    asked = BaselineSpec(strategy=strategy, **options)
    merged: BaselineCounts | None = None
    for start, stop in pairwise(ends):
        mine = {name: array[start:stop] for name, array in arrays.items()}
        counts = BaselineCounts.of(INPUTS, mine, asked, positions=np.arange(start, stop))
        counts = BaselineCounts.from_json(counts.to_json())
        merged = counts if merged is None else merged.merge(counts)
    assert merged is not None
    whole = BaselineCounts.of(INPUTS, arrays, asked)
    assert fit_baseline(asked, merged, INPUTS).digest == fit_baseline(asked, whole, INPUTS).digest


@settings(max_examples=25, deadline=None)
@given(parts=cut())
def test_means_and_segments_agree_to_rounding(parts: tuple[dict[str, Any], list[int]]) -> None:
    arrays, ends = parts
    asked = BaselineSpec(strategy="mean", segment="place")
    rows = len(arrays["kind"])
    levels = np.array(["x", "y", "z"], dtype=object)[np.arange(rows) % 3]
    parted = [
        BaselineCounts.of(INPUTS, {name: array[a:b] for name, array in arrays.items()}, asked, levels=levels[a:b])
        for a, b in pairwise(ends)
    ]
    merged = parted[0]
    for part in parted[1:]:
        merged = merged.merge(BaselineCounts.from_json(part.to_json()))
    one = fit_baseline(asked, merged, INPUTS)
    other = fit_baseline(asked, BaselineCounts.of(INPUTS, arrays, asked, levels=levels), INPUTS)
    assert list(one.levels) == list(other.levels)
    for mine, theirs in zip([*one.fitted, *one.levels.values()], [*other.fitted, *other.levels.values()], strict=True):
        assert mine.weights == theirs.weights
        np.testing.assert_allclose(list(mine.numbers.values()), list(theirs.numbers.values()), atol=1e-12)
        np.testing.assert_allclose(mine.arrays["series"], theirs.arrays["series"], atol=1e-12)


def test_every_row_has_the_same_chance_to_be_drawn() -> None:
    taken = np.zeros(50)
    for seed in range(2000):
        sample = RowSample.of({}, np.arange(50), size=5, seed=seed)
        taken[sample.positions] += 1
    # 200 +- 4.5 standard deviations of 13.4
    assert np.abs(taken - 200).max() < 61


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(2, 30))
def test_noise_belongs_to_the_rows_values(seed: int, rows: int) -> None:
    arrays = table(rows, seed)
    order = np.random.default_rng(seed).permutation(rows)
    whole = uniform(row_hashes(arrays, 7), (4,), 0)
    permuted = uniform(row_hashes({name: array[order] for name, array in arrays.items()}, 7), (4,), 0)
    np.testing.assert_array_equal(permuted, whole[order])
    assert ((whole >= 0) & (whole < 1)).all()


def test_noise_is_uniform() -> None:
    found = uniform(row_hashes({"x": np.arange(20_000.0)[:, None]}, 0), (3,), 0)
    for axis in range(3):
        counts = np.histogram(found[:, axis], bins=10, range=(0, 1))[0]
        assert np.abs(counts - 2000).max() < 200


@pytest.mark.parametrize("k", [1, 3, 8])
def test_clusters_are_as_tight_as_those_of_scikit_learn(k: int) -> None:
    from sklearn.cluster import KMeans

    draw = np.random.default_rng(4)
    points = np.concatenate([draw.normal(place, 0.3, size=(60, 3)) for place in range(5)])
    owner = cluster(points, k, seed=0)
    mine = sum(((points[owner == one] - points[owner == one].mean(axis=0)) ** 2).sum() for one in range(k))
    theirs = KMeans(k, n_init=10, random_state=0).fit(points).inertia_
    assert mine <= 1.05 * theirs
    assert np.array_equal(owner, cluster(points, k, seed=0))
    sizes = np.bincount(owner)
    assert len(sizes) == k
    assert (np.diff(sizes) <= 0).all()


def test_fewer_distinct_points_than_clusters() -> None:
    owner = cluster(np.array([[0.0], [0.0], [5.0]]), 4, seed=0)
    np.testing.assert_array_equal(owner, [0, 0, 1])
