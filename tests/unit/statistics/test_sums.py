"""Sums by cell and cluster: the same however the rows are divided, and those that pandas finds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ig_tasks.errors import InputError, RunError
from ig_tasks.statistics import AttributionSums
from ig_tasks.statistics.grids import Grid, labels_grid, merge_grids, numbers_grid
from ig_tasks.statistics.sums import CELLS, CLUSTERS, cells_for

RANDOM = np.random.default_rng(0)
ROWS = 6_000
COLUMNS = {
    "normal": RANDOM.normal(size=ROWS),
    "skewed": np.exp(2 * RANDOM.normal(size=ROWS)),
    "years": RANDOM.integers(1990, 2015, ROWS).astype(float),
    "times": 1.37e9 + RANDOM.uniform(0, 2.6e6, ROWS),
    "rain": np.where(RANDOM.random(ROWS) < 0.9, 0.0, RANDOM.exponential(size=ROWS)),
    "gaps": np.where(RANDOM.random(ROWS) < 0.3, np.nan, RANDOM.normal(size=ROWS)),
    "signs": RANDOM.choice([-1e-300, 0.0, -0.0, 1e300, -1e300, 5e-324], ROWS),
}
LABELS = {"carrier": RANDOM.choice(["UA", "AA", None], ROWS), "tail": RANDOM.integers(0, 2_000, ROWS).astype(str)}
FEATURES = (*COLUMNS, *LABELS)
ATTRIBUTIONS = RANDOM.normal(size=(ROWS, len(FEATURES)))
DAYS = RANDOM.integers(1, 32, ROWS).astype(str)


def sums_of(rows: slice | np.ndarray, clusters: np.ndarray | None = DAYS) -> AttributionSums:
    return AttributionSums.of(
        ATTRIBUTIONS[rows],
        FEATURES,
        numbers={name: column[rows] for name, column in COLUMNS.items()},
        labels={name: column[rows] for name, column in LABELS.items()},
        clusters=None if clusters is None else clusters[rows],
    )


WHOLE = sums_of(slice(None))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_numbers_takes_the_finest_cells_of_which_it_occupies_at_most_so_many(name: str) -> None:
    grid, codes = numbers_grid(COLUMNS[name], 64)
    values = COLUMNS[name]
    finer, _ = numbers_grid(values, 10**9)
    assert grid.occupied <= 64
    assert grid.level == 0 or finer.coarsened(grid.level - 1)[0].occupied > 64
    # Cells are intervals: in the order of the numbers, the codes never fall.
    held = ~np.isnan(values)
    order = np.argsort(values[held], kind="stable")
    assert (np.diff(codes[held][order]) >= 0).all()
    assert (np.isnan(values) == (grid.keys[codes] == np.iinfo(np.int64).min)).all()


def test_few_distinct_values_are_kept_apart_be_they_years_or_far_from_zero() -> None:
    for values in (COLUMNS["years"], 1.37e9 + RANDOM.integers(0, 60, ROWS).astype(float)):
        grid, _ = numbers_grid(values, 64)
        assert np.allclose(grid.middles(), np.unique(values), rtol=1e-9, atol=0)
        assert len(grid) == len(np.unique(values))


def test_the_middle_of_a_cell_lies_among_its_numbers() -> None:
    for values in COLUMNS.values():
        _grid, codes = numbers_grid(values, 128)
        wide = numbers_grid(values, 128)[0].middles()[codes]
        held = ~np.isnan(values)
        assert np.isnan(wide[~held]).all()
        moderate = held & (np.abs(values) > 1e-3) & (np.abs(values) < 1e9)
        assert (np.abs(wide - values)[moderate] <= np.abs(values[moderate])).all()


def test_infinite_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        numbers_grid([1.0, np.inf], 8)


def test_labels_beyond_the_limit_share_buckets_the_same_in_any_order() -> None:
    labels = np.array([f"N{number}" for number in range(1_000)])
    few, codes = labels_grid(labels[:8], 8)
    assert few.keys == tuple(sorted(labels[:8]))
    assert [few.keys[code] for code in codes] == list(labels[:8])
    at_once, _ = labels_grid(labels, 100)
    first, second = labels_grid(labels[:90], 100)[0], labels_grid(labels[90:], 100)[0]
    merged, _, _ = merge_grids(first, second, 100)
    assert at_once.occupied <= 100
    assert (merged.level, merged.keys) == (at_once.level, at_once.keys)


@pytest.mark.parametrize("cells", [1, 2, 7, 40, 1000])
@pytest.mark.parametrize("seed", range(4))
def test_the_finest_partition_of_numbers_that_has_so_few_cells(cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=300) * 10.0 ** rng.integers(-200, 200, 300)
    numbers[rng.integers(0, 300, 40)] = rng.choice([np.nan, 0.0, -0.0, 5e-324, -5e-324, 1.0], 40)
    present = numbers[~np.isnan(numbers)]
    bits = np.abs(present).view(np.int64)

    def keys(shift: int) -> list[int]:
        return [int(-(b >> shift) if number < 0 else b >> shift) for b, number in zip(bits, present, strict=True)]

    level = next(shift for shift in range(64) if len({*keys(shift)}) <= cells)
    grid, codes = numbers_grid(numbers, cells)
    assert (grid.level, grid.occupied) == (level, len({*keys(level)}))
    assert np.asarray(grid.keys)[codes[~np.isnan(numbers)]].tolist() == keys(level)


def test_labels_go_to_the_same_buckets_level_by_level_as_at_once() -> None:
    grid, codes = labels_grid([f"N{number}" for number in range(300)] + ["(missing)"], 1_000)
    slowly, places = grid, codes
    while slowly.occupied > 50:
        slowly, step = slowly.coarsened(slowly.level + 1)
        places = step[places]
    quickly, at_once = grid.within(50)
    assert (quickly.level, quickly.keys) == (slowly.level, slowly.keys)
    assert at_once[codes].tolist() == places.tolist()
    assert quickly.keys[at_once[codes][-1]] == "(missing)"


def test_a_label_may_look_like_anything() -> None:
    grid, _ = labels_grid(["\0abc", "#1", "1", ""] * 2, 2)
    assert grid.occupied <= 2


@pytest.mark.parametrize("shards", [7, 64])
def test_shards_in_any_number_and_order_give_the_sums_of_all_rows(shards: int) -> None:
    parts = [sums_of(rows) for rows in np.array_split(RANDOM.permutation(ROWS), shards)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    for name in FEATURES:
        mine, theirs = merged.cells[name], WHOLE.cells[name]
        assert mine.grid.level == theirs.grid.level
        assert list(mine.grid.keys) == list(theirs.grid.keys)
        assert (mine.rows == theirs.rows).all()
        np.testing.assert_allclose(mine.absolute, theirs.absolute, rtol=1e-12)
        np.testing.assert_allclose(mine.squares, theirs.squares, rtol=1e-12)
        np.testing.assert_allclose(mine.signed, theirs.signed, rtol=1e-9, atol=1e-9)
        coarse, whole = merged.cluster_cells[name], WHOLE.cluster_cells[name]
        assert list(coarse.grid.keys) == list(whole.grid.keys)
        for entries in ("clusters", "cells", "rows"):
            assert (getattr(coarse, entries) == getattr(whole, entries)).all()
        np.testing.assert_allclose(coarse.absolute, whole.absolute, rtol=1e-12)
    assert merged.clusters is not None
    assert WHOLE.clusters is not None
    assert merged.clusters.grid.keys == WHOLE.clusters.grid.keys
    np.testing.assert_allclose(merged.clusters.absolute, WHOLE.clusters.absolute, rtol=1e-12)


def test_sums_are_those_of_pandas() -> None:
    frame = pd.DataFrame({"day": DAYS, "year": COLUMNS["years"], "a": ATTRIBUTIONS[:, FEATURES.index("years")]})
    frame["size"], frame["square"] = frame["a"].abs(), frame["a"] ** 2
    by_year = frame.groupby("year")
    sums = WHOLE.cells["years"]
    np.testing.assert_allclose(sums.absolute, by_year["size"].sum(), rtol=1e-12)
    np.testing.assert_allclose(sums.signed, by_year["a"].sum(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(sums.squares, by_year["square"].sum(), rtol=1e-12)
    assert (sums.rows == by_year.size()).all()
    assert WHOLE.clusters is not None
    by_day = frame.groupby("day")
    assert WHOLE.clusters.grid.keys == tuple(by_day.groups)
    np.testing.assert_allclose(WHOLE.clusters.absolute[:, FEATURES.index("years")], by_day["size"].sum(), rtol=1e-12)
    both = WHOLE.cluster_cells["years"]
    expected = frame.groupby(["day", "year"])["size"].sum().to_numpy()
    np.testing.assert_allclose(both.absolute, expected, rtol=1e-12)


def test_what_is_written_is_read_to_the_last_bit() -> None:
    again = AttributionSums.from_json(json.loads(json.dumps(WHOLE.to_json())))
    assert json.dumps(again.to_json()) == json.dumps(WHOLE.to_json())
    bare = sums_of(slice(None), clusters=None)
    assert bare.clusters is None
    assert not bare.cluster_cells
    assert AttributionSums.from_json(json.loads(json.dumps(bare.to_json()))).clusters is None


def test_no_rows_change_nothing() -> None:
    nothing = sums_of(slice(0, 0))
    for merged in (nothing.merge(WHOLE), WHOLE.merge(nothing)):
        assert json.dumps(merged.to_json()) == json.dumps(WHOLE.to_json())


def test_unlike_sums_are_not_merged() -> None:
    with pytest.raises(InputError, match="clusters"):
        WHOLE.merge(sums_of(slice(None), clusters=None))
    other = AttributionSums.of(np.zeros((1, 1)), ["a"])
    with pytest.raises(InputError, match="different features"):
        WHOLE.merge(other)
    with pytest.raises(InputError, match="number"):
        merge_grids(Grid("number", 0, np.array([1])), Grid("label", 0, ("a",)), 4)
    with pytest.raises(RunError, match="cannot be read"):
        AttributionSums.from_json({"features": ["a"]})


def test_wide_tables_have_coarser_cells_and_many_clusters_share_buckets() -> None:
    assert cells_for(19) == CELLS
    assert cells_for(1_000) * 1_000 <= 1 << 17
    many = sums_of(slice(None), clusters=np.arange(ROWS).astype(str))
    assert many.clusters is not None
    assert len(many.clusters.grid) <= CLUSTERS
    assert many.clusters.rows.sum() == ROWS
