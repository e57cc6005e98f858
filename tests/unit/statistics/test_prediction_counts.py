"""Areas under ROC curves and tenths of rows, of counts that are merged in any order."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ig_tasks.errors import InputError
from ig_tasks.statistics.prediction_counts import PredictionCounts


def drawn(rows, digits=6, seed=0):
    random = np.random.default_rng(seed)
    predicted = np.round(random.random(rows), digits)
    return predicted, (random.random(rows) < predicted).astype(float)


@pytest.mark.parametrize("digits", [1, 3, 9])
def test_the_area_is_scikit_learns_with_ties_and_without(digits):
    predicted, outcome = drawn(2_000, digits)
    area, bound = PredictionCounts.of(predicted, outcome).auc()
    assert area == pytest.approx(roc_auc_score(outcome, predicted), abs=1e-14)
    assert bound == 0.0


def test_no_order_of_merging_changes_a_bit():
    predicted, outcome = drawn(5_000)
    whole = PredictionCounts.of(predicted, outcome, distinct=300)
    for shards in (7, 64):
        parts = [
            PredictionCounts.of(predicted[rows], outcome[rows], distinct=300)
            for rows in np.array_split(np.random.default_rng(shards).permutation(5_000), shards)
        ]
        merged = parts[0]
        for part in parts[1:]:
            merged = merged.merge(part, distinct=300)
        assert merged.dropped == whole.dropped
        for name in ("keys", "rows", "outcomes"):
            np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def test_where_predictions_are_too_many_to_tell_apart_the_bound_holds():
    predicted, outcome = drawn(20_000, 15)
    area, bound = PredictionCounts.of(predicted, outcome, distinct=100).auc()
    assert 0 < bound < 0.02
    assert abs(area - roc_auc_score(outcome, predicted)) <= bound


def test_numbers_of_both_signs_keep_their_order():
    values = np.array([-1e300, -2.5, -1e-300, -0.0, 0.0, 1e-300, 0.3, 1e300])
    counts = PredictionCounts.of(values, np.zeros(8))
    np.testing.assert_array_equal(counts.predictions, np.unique(values))
    assert counts.rows.tolist() == [1, 1, 1, 2, 1, 1, 1]
    np.testing.assert_array_equal(counts.places_of(values), [0, 1, 2, 3, 3, 4, 5, 6])


def test_tenths_have_a_tenth_of_the_rows_each_and_never_divide_ties():
    predicted, outcome = drawn(1_000)
    counts = PredictionCounts.of(predicted, outcome)
    tenths = counts.tenths()
    assert [int(counts.rows[tenths == part].sum()) for part in range(10)] == [100] * 10
    assert np.unique(PredictionCounts.of(np.full(50, 0.2), np.zeros(50)).tenths()).tolist() == [5]


def test_rows_of_one_outcome_have_no_area_and_what_is_not_finite_is_refused():
    assert np.isnan(PredictionCounts.of([0.1, 0.2], [1.0, 1.0]).auc()[0])
    with pytest.raises(InputError, match="finite"):
        PredictionCounts.of([0.1, np.nan], [1.0, 0.0])
