"""Cells of the nested partitions."""

from __future__ import annotations

import numpy as np

from ig_tasks.statistics.grids import numbers_grid


def test_the_ends_of_a_cell_hold_its_numbers_and_no_others() -> None:
    numbers = np.concatenate([np.random.default_rng(2).normal(0, 5, 400) ** 3, [0.0, 1e-9, -1e-9, np.nan]])
    grid, codes = numbers_grid(numbers, 40)
    low, high = grid.ends()
    for cell in range(len(grid)):
        inside = np.isnan(numbers) if grid.is_missing(cell) else (low[cell] <= numbers) & (numbers <= high[cell])
        np.testing.assert_array_equal(inside, codes == cell)
    exact = numbers_grid(numbers, 500)[0]
    np.testing.assert_array_equal(exact.ends()[0], exact.ends()[1])
    np.testing.assert_array_equal(exact.ends()[0], exact.middles())
