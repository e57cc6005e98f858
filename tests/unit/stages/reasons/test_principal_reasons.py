"""Which contributions are reasons, and which order is proven: cases whose answer is plain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.stages.reasons.principal_reasons import Ranked, rank_reasons


def ranked(pushes: list[float], bounds: Any, top: int = 4) -> Ranked:
    row = np.array([pushes])
    return rank_reasons(row, np.broadcast_to(np.asarray(bounds, float), row.shape), top)


def test_the_fourth_surely_outweighs_the_fifth() -> None:
    found = ranked([0.5, 4.0, 2.0, 3.0, 1.0, -9.0], 0.2)
    assert found.listed.tolist() == [[1, 3, 2, 4]]
    assert not found.tied.any()
    assert found.best.tolist() == found.worst.tolist() == [[1, 2, 3, 4]]
    assert not found.unproven.any()


def test_the_fourth_is_tied_with_the_fifth_where_both_bounds_together_reach_across() -> None:
    """1.0 and 0.5 with bounds of 0.25 may both be 0.75: that is a tie, and a hair less is none."""
    found = ranked([0.5, 4.0, 2.0, 3.0, 1.0, -9.0], 0.25)
    assert found.listed.tolist() == [[1, 3, 2, 4]]
    assert found.tied.tolist() == [[False, False, False, True]]
    assert np.flatnonzero(found.rivals[0, 3]).tolist() == [0]
    assert (found.best[0, 3], found.worst[0, 3]) == (4, 5)
    assert not ranked([0.5, 4.0, 2.0, 3.0, 1.0, -9.0], 0.2499).tied.any()


def test_equal_contributions_are_tied_though_nothing_was_integrated_wrongly() -> None:
    found = ranked([1.0, 1.0, 1.0, 1.0, 1.0], 1e-7)
    assert found.tied.all()
    assert (found.best.tolist(), found.worst.tolist()) == ([[1] * 4], [[5] * 4])


def test_nothing_that_pushed_the_other_way_or_may_have_is_a_reason() -> None:
    """0.2 may be -0.1 in truth; it is named as unproven, and there is room left."""
    found = ranked([-3.0, 0.2, 2.0, -0.2, 0.0], 0.3)
    assert found.listed.tolist() == [[2, -1, -1, -1]]
    assert np.flatnonzero(found.unproven[0]).tolist() == [1]
    assert not found.tied.any()


def test_a_row_of_favourable_contributions_has_no_reasons() -> None:
    assert (ranked([-1.0, -2.0], 0.1).listed == -1).all()


def test_who_is_listed_may_have_another_rank_and_not_be_tied() -> None:
    """First and second may be swapped, and both surely outweigh what is not listed."""
    found = ranked([2.0, 1.9, 0.5], 0.1, top=2)
    assert (found.best.tolist(), found.worst.tolist()) == ([[1, 1]], [[2, 2]])
    assert not found.tied.any()


def test_bounds_of_their_own_for_every_player() -> None:
    found = ranked([2.0, 1.5, 1.0], [0.0, 0.0, 0.6], top=2)
    assert found.tied.tolist() == [[False, True]]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_proven_holds_for_every_truth_within_the_bounds(seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=(200, 7))
    bounds = draw.uniform(0.0, 0.4, size=(200, 7))
    found = rank_reasons(truth + draw.uniform(-1.0, 1.0, size=truth.shape) * bounds, bounds, 3)
    ranks = 1 + (truth[:, None, :] > truth[:, :, None]).sum(axis=2)
    for row, listed in enumerate(found.listed):
        for place, player in enumerate(listed[listed >= 0]):
            assert truth[row, player] > 0.0
            assert found.best[row, place] <= ranks[row, player] <= found.worst[row, place]
            others = set(range(7)) - set(listed.tolist())
            if not found.tied[row, place] and (listed >= 0).all():
                assert all(truth[row, player] > truth[row, other] for other in others)
