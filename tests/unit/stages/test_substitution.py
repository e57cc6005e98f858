"""Which rows a substitution gives another value: only those are explained again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ig_tasks.stages.substitution import given_another, substituted


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64"])
def test_numbers_that_keep_their_value_are_not_given_another(dtype: str) -> None:
    draw = np.random.default_rng(0)
    column, other = (pd.Series(draw.integers(0, 5, 400), dtype=dtype) for _ in range(2))
    if dtype != "int64":
        column, other = column.mask(draw.random(400) < 0.1), other.mask(draw.random(400) < 0.1)
    values = substituted(column, other, numbers=True, seed=1)
    given = given_another(column, values, numbers=True)
    before, after = column.astype("Float64"), values.astype("Float64")
    expected = ~((before == after).fillna(False) | (before.isna() & after.isna())).to_numpy(bool)
    np.testing.assert_array_equal(given, expected)
    assert 0 < given.sum() < 150
    assert not given_another(column, column, numbers=True).any()


def test_categories_change_in_few_rows_and_those_alone_are_given_another() -> None:
    column = pd.Series(["UA"] * 60 + ["AA"] * 30 + [None] * 10, dtype=object)
    other = pd.Series(["UA"] * 50 + ["AA"] * 30 + ["F9"] * 10 + [np.nan] * 10, dtype=object)
    values = substituted(column, other, numbers=False, seed=1)
    given = given_another(column, values, numbers=False)
    assert given.sum() == 10
    assert set(values[given]) == {"F9"}
    assert set(column[given]) == {"UA"}
