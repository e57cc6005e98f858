"""Samples, bins, levels and bands: against numpy and pandas over the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.stored_rows import flights, write_rows

from ig_tasks.errors import QueryError
from ig_tasks.web.conditions import Condition
from ig_tasks.web.queries import RunRows
from ig_tasks.web.query_statistics import band_by_level, bands, bins, levels, sample

FRAMES = [flights(150, 0), flights(101, 1)]
ALL = pd.concat(FRAMES, ignore_index=True)
LATE = [Condition("target", "is", "late")]
OF_LATE = ALL[ALL["target"] == "late"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> RunRows:
    return RunRows(*write_rows(str(tmp_path_factory.mktemp("rows") / "run"), FRAMES))


def test_a_sample_is_the_same_each_time_and_holds_rows_with_values_alone(rows):
    found = sample(rows, ["row_id", "input:delay", "attribution:delay"], 40, LATE)
    assert found == sample(rows, ["row_id", "input:delay", "attribution:delay"], 40, LATE)
    assert len({row["row_id"] for row in found}) == 40
    held = OF_LATE.set_index("row_id")
    assert all(held.loc[row["row_id"], "input:delay"] == row["input:delay"] for row in found)
    everything = sample(rows, ["input:delay"], 5000, LATE)
    assert len(everything) == OF_LATE["input:delay"].notna().sum()
    assert found[:20] == sample(rows, ["row_id", "input:delay", "attribution:delay"], 20, LATE)


def test_bins_count_every_row_with_a_number_once(rows):
    found = bins(rows, "input:delay", 12, LATE)
    counts, edges = np.histogram(OF_LATE["input:delay"].dropna(), 12)
    assert found.edges == pytest.approx(edges, rel=1e-12)
    assert found.counts == tuple(counts)
    assert bins(rows, "baseline_output", 5) == ((-1.0, -1.0), (len(ALL),))
    assert bins(rows, "input:delay", 5, [Condition("input:delay", "gt", "1e6")]) == ((), ())


def test_levels_come_with_their_rows_the_most_frequent_first(rows):
    counts = OF_LATE["input:carrier"].value_counts()
    wanted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert levels(rows, "input:carrier", 10, LATE) == tuple(wanted)
    assert levels(rows, "input:carrier", 2, LATE) == tuple(wanted[:2])


def test_bands_are_quantiles_of_the_rows_between_their_ends(rows):
    found = bands(rows, "input:delay", "attribution:delay", 5, (0.25, 0.5, 0.75), LATE)
    held = OF_LATE[OF_LATE["input:delay"].notna()]
    assert sum(band.rows for band in found) == len(held)
    for band, after in zip(found, [*found[1:], None], strict=True):
        inside = held[(held["input:delay"] >= band.low) & (held["input:delay"] <= band.high)]["attribution:delay"]
        assert len(inside) == band.rows
        assert band.quantiles == pytest.approx(np.quantile(inside, (0.25, 0.5, 0.75)), rel=1e-12)
        values = held[(held["input:delay"] >= band.low) & (held["input:delay"] <= band.high)]["input:delay"]
        assert band.middle == pytest.approx(values.median(), rel=1e-12)
        assert after is None or band.high < after.low
    assert max(band.rows for band in found) < 2 * min(band.rows for band in found)


def test_values_that_many_rows_share_stay_in_one_band(rows):
    found = bands(rows, "evaluations", "attribution:delay", 20, (0.5,))
    counts = ALL["evaluations"].value_counts()
    assert [(band.low, band.high, band.rows) for band in found] == [(v, v, counts[v]) for v in (5, 9, 17)]


def test_a_band_for_each_level_of_a_text(rows):
    found = band_by_level(rows, "input:carrier", "attribution:carrier", 4, (0.0, 0.5), LATE)
    for band in found:
        inside = OF_LATE[OF_LATE["input:carrier"] == band.level]["attribution:carrier"]
        assert (band.rows, band.quantiles) == (len(inside), pytest.approx((inside.min(), inside.median()), rel=1e-12))
    assert len(found) == 4


@pytest.mark.parametrize(
    "asked",
    [
        lambda rows: sample(rows, ["input:nothing"]),
        lambda rows: sample(rows, ["output"], 0),
        lambda rows: sample(rows, ["output"], 10**7),
        lambda rows: bins(rows, "input:carrier"),
        lambda rows: levels(rows, "output"),
        lambda rows: bands(rows, "input:carrier", "output"),
        lambda rows: band_by_level(rows, "output", "output"),
    ],
)
def test_columns_of_the_wrong_kind_and_numbers_out_of_bounds_are_refused(rows, asked):
    with pytest.raises(QueryError):
        asked(rows)
