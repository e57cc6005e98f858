"""Ranks, and the ranks that a feature may have (Klein, Wright & Wieczorek 2020)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_tasks.errors import InputError
from ig_tasks.statistics import FeatureStatistics, bonferroni, rank_intervals, ranks

INTERVALS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), min_size=1, max_size=12)


def test_the_greatest_is_first_and_ties_keep_their_order():
    assert ranks([0.1, 3.0, 0.1, 2.0]).tolist() == [3, 1, 4, 2]


def test_what_is_not_known_comes_last():
    assert ranks([np.nan, 1.0, 2.0]).tolist() == [3, 2, 1]


def test_separate_intervals_pin_the_ranks_down():
    best, worst = rank_intervals([9, 5, 1], [10, 6, 2])
    assert best.tolist() == worst.tolist() == [1, 2, 3]


def test_overlapping_intervals_share_their_ranks():
    best, worst = rank_intervals([9, 5, 4, 1], [10, 7, 6, 2])
    assert list(zip(best.tolist(), worst.tolist(), strict=True)) == [(1, 1), (2, 3), (2, 3), (4, 4)]


def test_intervals_that_touch_are_not_separate():
    best, worst = rank_intervals([2, 1], [3, 2])
    assert list(zip(best.tolist(), worst.tolist(), strict=True)) == [(1, 2), (1, 2)]


def test_a_feature_without_interval_may_have_any_rank():
    best, worst = rank_intervals([9, np.nan, 1], [10, np.nan, 2])
    assert list(zip(best.tolist(), worst.tolist(), strict=True)) == [(1, 2), (1, 3), (2, 3)]


@given(INTERVALS)
def test_the_definition_pair_by_pair(pairs):
    low = np.array([start for start, _ in pairs], dtype=float)
    high = low + [width for _, width in pairs]
    best, worst = rank_intervals(low, high)
    for i in range(len(pairs)):
        assert best[i] == 1 + sum(low[j] > high[i] for j in range(len(pairs)))
        assert worst[i] == len(pairs) - sum(high[j] < low[i] for j in range(len(pairs)))


def test_all_intervals_together_hold_at_the_level_asked_for():
    """The simulated coverage of the joint region: every true rank inside, in at least 90 % of the samples."""
    rng, names, true = np.random.default_rng(8), list("abcdef"), np.array([1.0, 1.1, 1.2, 2.0, 2.1, 5.0])
    held = 0
    for _ in range(300):
        values = rng.exponential(true, (60, 6))
        low, high = FeatureStatistics.of(values, names).abs_mean_interval(bonferroni(0.9, 6))
        best, worst = rank_intervals(low, high)
        held += bool(np.all((best <= ranks(true)) & (ranks(true) <= worst)))
    assert held / 300 > 0.9


def test_bonferroni_divides_the_chance_of_error():
    assert bonferroni(0.95, 20) == pytest.approx(0.9975)
    assert bonferroni(0.95, 0) == pytest.approx(0.95)


def test_shapes_are_checked():
    with pytest.raises(InputError, match="intervals"):
        rank_intervals([1.0], [1.0, 2.0])
