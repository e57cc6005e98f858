"""Errors as the benchmarks count them."""

import numpy as np
import pytest

from benchmarks.accuracy import accuracy, l1_errors


def test_relative_l1_error_of_each_row() -> None:
    reference = np.array([[3.0, -1.0], [0.5, 0.5], [1.0, 1.0]])
    found = np.array([[3.0, -1.0], [0.6, 0.4], [1.0, np.nan]])
    np.testing.assert_allclose(l1_errors(found, reference), [0.0, 0.2, np.inf])


def test_summary_counts_claims_apart_from_all_rows() -> None:
    reference = np.ones((4, 1))
    found = np.array([[1.0], [1.015], [1.03], [1.2]])
    summary = accuracy(found, reference, 0.01, np.array([True, True, True, False]))
    assert (summary.rows, summary.rows_converged) == (4, 3)
    assert (summary.over_1_percent, summary.over_5_percent) == (0.75, 0.25)
    assert summary.over_tolerance == pytest.approx(2 / 3)
    assert summary.over_twice_tolerance == pytest.approx(1 / 3)
    assert summary.p99 == pytest.approx(0.2)


def test_a_library_without_claims_has_none() -> None:
    summary = accuracy(np.ones((3, 2)), np.ones((2, 2)), 0.01, None)
    assert (summary.rows, summary.rows_converged, summary.over_tolerance) == (2, None, None)
