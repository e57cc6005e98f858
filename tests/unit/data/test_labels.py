"""Outcomes as columns hold them: what is taken, and what is refused in a line."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.labels import read_labels
from ig_tasks.errors import DataError


def column(values, dtype=None):
    return pd.Series(values, dtype=dtype, name="late")


@pytest.mark.parametrize(
    "values",
    [
        column([0, 1, 1]), column([0.0, 1.0, 1.0]), column([False, True, True]), column([0, 1, 1], object),
        column([Decimal(0), Decimal(1), Decimal(1)]), column([False, True, True], "boolean"),
    ],
)  # fmt: skip
def test_a_yes_or_no_is_zero_or_one_of_any_type(values):
    np.testing.assert_array_equal(read_labels(values, "binary", "t"), [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    "values", [column([1, None, None], object), column([1.0, np.nan, None]), column([1, None, None], "Int64")]
)
def test_missing_outcomes_are_not_known_yet(values):
    np.testing.assert_array_equal(read_labels(values, "binary", "t"), [1.0, np.nan, np.nan])
    assert np.isnan(read_labels(column([None, None]), "number", "t")).all()


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([0, 3], "binary", "holds '3', and an outcome of target 't' is 0 or 1"),
        (["yes", "no"], "binary", "holds 'yes', .* 0 or 1"),
        ([1.0, np.inf], "number", "holds 'inf', .* a finite number"),
        ([0, 1.5], "class", "holds '1.5', .* the number of an output column"),
        (["cat", "cow"], "class", "holds 'cow', .* or one of cat, dog"),
        ([-1], "class", "holds '-1'"),
    ],
)
def test_what_is_no_outcome_is_named(values, kind, wanted):
    with pytest.raises(DataError, match=rf"^data\.label: column 'late' {wanted}"):
        read_labels(column(values), kind, "t", {"cat": 0, "dog": 1})


def test_classes_go_by_number_or_by_the_name_of_a_target():
    np.testing.assert_array_equal(
        read_labels(column(["dog", "cat", "7", None]), "class", "t", {"cat": 0, "dog": 1}), [1, 0, 7, np.nan]
    )


@pytest.mark.parametrize("stored", ["int64", "float64", "str", "category"])
def test_a_class_s_name_that_is_a_number_comes_before_numbers_of_columns(stored: str) -> None:
    """Stars of 1 to 5 in columns 0 to 4: the same classes however the column is stored."""
    stars = {str(column + 1): column for column in range(5)}
    column = pd.Series([1, 3, 5], name="stars").astype(stored)
    assert read_labels(column, "class", "1", stars).tolist() == [0.0, 2.0, 4.0]
    for named in (stars, {"5": 4}):
        with pytest.raises(DataError, match="the names of targets, which are other numbers than those of their col"):
            read_labels(pd.Series([0, 1], name="stars").astype(stored), "class", "5", named)
