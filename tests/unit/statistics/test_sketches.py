"""Quantiles are right, repeat, and survive being written down."""

import numpy as np
import pytest

from ig_tasks.errors import RunError
from ig_tasks.statistics import sketches

SHAPES = {
    "normal": lambda rng: rng.standard_normal(50_000),
    "cauchy": lambda rng: rng.standard_cauchy(50_000),
    "lognormal": lambda rng: np.exp(2 * rng.standard_normal(50_000)),
    "shifted": lambda rng: 1e9 + rng.standard_normal(50_000),
}
Q = np.array([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])


def rank_error(column, digest_bytes):
    ordered = np.sort(column)
    return np.abs(np.searchsorted(ordered, sketches.quantiles(digest_bytes, Q)) / column.size - Q).max()


@pytest.mark.parametrize("shape", SHAPES)
def test_quantiles_are_within_half_a_percent_of_rank(shape):
    column = SHAPES[shape](np.random.default_rng(3))
    assert rank_error(column, sketches.build(column, 200)) < 0.005


@pytest.mark.parametrize("shape", SHAPES)
def test_merged_quantiles_are_within_half_a_percent_of_rank(shape):
    column = SHAPES[shape](np.random.default_rng(4))
    merged = sketches.build(np.empty(0), 200)
    for part in np.array_split(column, [10, 11, 900, 17_000, 30_000]):
        merged = sketches.merge(merged, sketches.build(part, 200))
    assert rank_error(column, merged) < 0.005


def test_quantiles_never_fall_as_q_rises():
    state = sketches.build(np.random.default_rng(0).standard_normal(20_000), 100)
    assert np.all(np.diff(sketches.quantiles(state, np.linspace(0, 1, 5001))) >= 0)


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 101, 200])
def test_the_median_of_a_few_values_is_numpys(rows):
    column = np.random.default_rng(rows).standard_normal(rows)
    assert sketches.quantiles(sketches.build(column, 200), np.array([0.5]))[0] == pytest.approx(
        np.median(column), abs=1e-15
    )


def test_zero_and_one_are_the_extremes():
    column = np.random.default_rng(1).standard_cauchy(30_000)
    assert sketches.quantiles(sketches.build(column, 100), np.array([0.0, 1.0])).tolist() == [
        column.min(),
        column.max(),
    ]


def test_a_value_held_by_most_rows_is_met_exactly():
    column = np.concatenate([np.zeros(6_000), np.random.default_rng(0).standard_normal(4_000)])
    assert sketches.quantiles(sketches.build(column, 200), np.array([0.4, 0.5, 0.6])).tolist() == [0.0, 0.0, 0.0]


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(2)
    column = rng.standard_normal(10_000)
    assert sketches.build(column, 200) == sketches.build(rng.permutation(column), 200)


def test_merging_with_nothing_changes_no_quantile():
    state, nothing = sketches.build(np.arange(500.0), 100), sketches.build(np.empty(0), 100)
    for merged in (sketches.merge(state, nothing), sketches.merge(nothing, state)):
        assert sketches.quantiles(merged, np.array([0.0, 0.5, 1.0])).tolist() == [0.0, 249.5, 499.0]


def test_no_values_have_no_quantiles():
    assert np.isnan(sketches.quantiles(sketches.build(np.empty(0), 100), Q)).all()


def test_damage_is_an_error_not_a_number():
    state = sketches.build(np.arange(100.0), 100)
    with pytest.raises(RunError, match="damaged"):
        sketches.quantiles(state[:-16], Q)
    with pytest.raises(RunError, match="serial version"):
        sketches.quantiles(state[:1] + b"\x09" + state[2:], Q)
