"""Dependence of attributions on values: the bins' figures are those of their rows, however these are divided."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.dependence import dependence
from ig_tasks.statistics import AttributionSums, CategoryCounts, GroupedStatistics
from ig_tasks.store import Folder

RNG = np.random.default_rng(4)
ROWS = 3000
NUMBER = RNG.normal(0, 10, ROWS) ** 3
NUMBER[::97] = np.nan
HOUR = RNG.integers(0, 24, ROWS).astype(float)
CARRIER = RNG.choice(np.array([f"C{place:02d}" for place in range(30)], dtype=object), ROWS, p=np.arange(1, 31) / 465)
CARRIER[::50] = None
ATTRIBUTIONS = np.stack(
    [np.nan_to_num(NUMBER) / 900 + RNG.normal(0, 0.1, ROWS), np.sin(HOUR), RNG.normal(0.2, 0.3, ROWS)], axis=1
)
NAMES = ("number", "hour", "carrier")


def found(path, shards=1, keep_inputs=True):
    folder, files, merged = Folder(str(path)), [], None
    for place, rows in enumerate(np.array_split(np.arange(ROWS), shards)):
        held = {"target": ["late"] * len(rows)}
        held |= {f"attribution:{name}": ATTRIBUTIONS[rows, at] for at, name in enumerate(NAMES)}
        if keep_inputs:
            held |= {"input:number": pa.array(NUMBER[rows], from_pandas=True), "input:hour": pa.array(HOUR[rows])}
            held |= {"input:carrier": pa.array(CARRIER[rows].tolist(), pa.string())}
        files.append(f"attributions/{place}.parquet")
        folder.write_table(files[-1], pa.table(held))
        values = {"numbers": {"number": NUMBER[rows], "hour": HOUR[rows]}, "labels": {"carrier": CARRIER[rows]}}
        sums = AttributionSums.of(ATTRIBUTIONS[rows], NAMES, **values)
        merged = sums if merged is None else merged.merge(sums)
    summary = SimpleNamespace(
        sums={"late": merged},
        attributions={"late": GroupedStatistics.of(ATTRIBUTIONS, NAMES)},
        categories={"carrier": CategoryCounts.of(CARRIER)},
    )
    return {one.feature: one for one in dependence(folder, files, summary, keep_inputs=keep_inputs)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return found(tmp_path_factory.mktemp("whole"))


def test_a_number_is_told_in_bins_of_as_many_rows_whose_figures_are_those_of_their_rows(whole):
    *bins, missing = whole["number"].points
    assert len(bins) == 20
    held = NUMBER[~np.isnan(NUMBER)]
    assert {abs(point.rows - len(held) / 20) < 20 for point in bins} == {True}
    for point in bins:
        rows = ATTRIBUTIONS[(point.low <= NUMBER) & (point.high >= NUMBER), 0]
        assert point.rows == len(rows)
        assert (point.mean, point.std_dev) == pytest.approx((rows.mean(), rows.std()), rel=1e-9)
        assert point.quantiles == pytest.approx(np.quantile(rows, [0.1, 0.25, 0.5, 0.75, 0.9]), rel=1e-3, abs=1e-4)
    rows = ATTRIBUTIONS[np.isnan(NUMBER), 0]
    assert (missing.value, missing.low, missing.rows) == (None, None, len(rows))
    assert missing.mean == pytest.approx(rows.mean(), rel=1e-12)


def test_a_number_of_few_values_has_a_point_for_each(whole):
    points = whole["hour"].points
    assert [point.value for point in points] == list(range(24))
    assert [point.mean for point in points] == pytest.approx(list(np.sin(np.arange(24))), rel=1e-12)
    assert [point.quantiles[2] for point in points] == pytest.approx(list(np.sin(np.arange(24))), rel=1e-3)


def test_categories_are_the_most_frequent_and_the_others_are_counted(whole):
    carrier = whole["carrier"]
    counts = {name: int((name == CARRIER).sum()) for name in set(CARRIER) if name is not None}
    frequent = sorted(counts, key=lambda name: (-counts[name], name))[:12]
    assert [point.value for point in carrier.points] == [*frequent, None]
    for point in carrier.points:
        rows = ATTRIBUTIONS[[name == point.value for name in CARRIER], 2]
        assert point.rows == len(rows)
        assert point.mean == pytest.approx(rows.mean(), rel=1e-12)
        assert point.quantiles == pytest.approx(np.quantile(rows, [0.1, 0.25, 0.5, 0.75, 0.9]), rel=1e-3, abs=1e-4)
    assert (carrier.left_levels, carrier.left_rows) == (18, ROWS - sum(point.rows for point in carrier.points))


def test_the_division_into_shards_changes_nothing(whole, tmp_path):
    for feature, divided in found(tmp_path, shards=13).items():
        for one, other in zip(whole[feature].points, divided.points, strict=True):
            assert (one.value, one.rows, one.quantiles) == (other.value, other.rows, other.quantiles)
            assert (one.mean, one.std_dev) == pytest.approx((other.mean, other.std_dev), rel=1e-9)


def test_without_inputs_the_sums_give_the_same_means_and_deviations(whole, tmp_path):
    for feature, summed in found(tmp_path, keep_inputs=False).items():
        for one, other in zip(whole[feature].points, summed.points, strict=True):
            assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
            assert other.quantiles == ()
            assert one.rows == other.rows
            assert (one.mean, one.std_dev) == pytest.approx((other.mean, other.std_dev), rel=1e-9)
