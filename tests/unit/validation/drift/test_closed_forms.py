"""Parts of changes whose value is known in closed form, errors of clustered rows, and sums that no sharding changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.planted import Model, compare_planted, period_of, rows_of_days

from ig_tasks.statistics import AttributionSums
from ig_tasks.validation.drift.compare_periods import compare_periods
from ig_tasks.validation.drift.decomposition import own_and_rest

GRID = np.array([-3.0, -1.0, 0.5, 2.0])
TWO = Model(linear={}, products={("x", "y"): 1.0})


def product_rows(x_scale: float, y_scale: float) -> pd.DataFrame:
    """All pairs of two grids: x and y are independent to the last row."""
    x, y = np.meshgrid(GRID * x_scale, GRID * y_scale)
    frame = pd.DataFrame({"x": x.ravel(), "y": y.ravel()})
    return pd.concat([frame.assign(day=f"{day:02d}") for day in range(12)], ignore_index=True)


def parts(drift, feature):
    row = next(row for row in drift.features if row.feature == feature)
    return row, {name: part.value for name, part in row.parts.items()}


def test_a_product_whose_other_factor_grows_is_moved_by_it_alone() -> None:
    # |IG of x| = |x y| / 2: with y doubled it doubles, and r = (2 - 1) / 1.5. x stays as it was.
    drift = compare_planted((product_rows(1, 1), TWO), (product_rows(1, 2), TWO), rows=10_000)
    row, found = parts(drift, "x")
    assert row.relative == pytest.approx(2 / 3, abs=1e-9)
    assert found["own"] == pytest.approx(0.0, abs=1e-9)
    assert found["others"] == pytest.approx(2 / 3, abs=1e-9)
    assert [(one.feature, one.effect) for one in row.others] == [("y", pytest.approx(2 / 3, abs=1e-6))]
    assert row.cause == ("others",)
    own_row, own = parts(drift, "y")
    assert own["own"] == pytest.approx(2 / 3, abs=1e-6)
    assert own_row.cause == ("own",)


def test_both_factors_share_the_change_as_shapley_values_do() -> None:
    # x and y doubled: 1 -> 4. Own: ((2 - 1) + (4 - 2)) / 2 = 1.5 of a mean of 2.5.
    drift = compare_planted((product_rows(1, 1), TWO), (product_rows(2, 2), TWO), rows=10_000)
    _, found = parts(drift, "x")
    assert sum(found.values()) == pytest.approx(3 / 2.5, abs=1e-9)
    assert found["own"] == pytest.approx(1.5 / 2.5, abs=1e-6)
    assert found["others"] == pytest.approx(1.5 / 2.5, abs=1e-6)


def test_a_model_and_its_data_share_a_change_alike() -> None:
    # Weight and spread both doubled: 1 -> 4, model = ((2 - 1) + (4 - 2)) / 2, data likewise.
    one, two = Model(linear={"x": 1.0}), Model(linear={"x": 2.0})
    drift = compare_planted((product_rows(1, 1), one), (product_rows(2, 1), two), rows=10_000)
    row, found = parts(drift, "x")
    assert found["model"] == pytest.approx(0.6, abs=1e-9)
    assert found["own"] + found["others"] == pytest.approx(0.6, abs=1e-9)
    assert row.row_cosine == pytest.approx(1.0)


def test_the_part_of_the_baseline_is_told_apart() -> None:
    # From -1 instead of 0 the mean |x - b| of the grid -3, -1, 0.5, 2 is 1.625 and was 1.625 + ... by hand below.
    before, after = Model(linear={"x": 1.0}), Model(linear={"x": 1.0}, baseline={"x": -1.0})
    drift = compare_planted((product_rows(1, 1), before), (product_rows(1, 1), after), rows=10_000)
    row, found = parts(drift, "x")
    was, now = np.abs(GRID).mean(), np.abs(GRID + 1).mean()
    assert (row.before, row.after) == (pytest.approx(was), pytest.approx(now))
    assert found["baseline"] == pytest.approx((now - was) / ((now + was) / 2), abs=1e-9)
    assert found["own"] == pytest.approx(0.0, abs=1e-9)


def test_own_and_rest_add_up_to_the_change_whatever_the_cells() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        sides, sizes = [], []
        for shift in (0.0, random.normal()):
            values = random.normal(size=500) + shift
            attributions = values * random.normal(size=500)
            days = random.integers(0, 20, 500).astype(str)
            numbers = {"x": np.where(random.random(500) < 0.1, np.nan, values)}
            sides.append(AttributionSums.of(attributions[:, None], ["x"], numbers=numbers, clusters=days))
            sizes.append(np.abs(attributions).mean())
        found = own_and_rest(*sides, "x")
        assert found is not None
        assert found.own + found.rest == pytest.approx(sizes[1] - sizes[0], abs=1e-12)


def test_a_column_that_only_goes_with_a_cause_explains_nothing_by_substitution() -> None:
    # z goes with y and is in no product. Reweighting by z "explains" x; substituting z does not move it.
    random = np.random.default_rng(1)
    model = Model(linear={"z": 1e-3}, products={("x", "y"): 1.0})

    def frame(spread: float, seed: int) -> pd.DataFrame:
        rows = rows_of_days(seed, ["x"], per_day=100)
        y = random.normal(size=len(rows)) * spread
        return rows.assign(y=y, z=0.9 * y + 0.3 * random.normal(size=len(rows)) * spread)

    drift = compare_planted((frame(1.0, 0), model), (frame(2.5, 1), model))
    row = next(row for row in drift.features if row.feature == "x")
    assert [one.feature for one in row.others] == ["y"]


def without_days(rows: pd.DataFrame, seed: int, share: float = 0.3) -> pd.DataFrame:
    """Rows of which some do not say what day they are of."""
    lost = np.random.default_rng(seed).random(len(rows)) < share
    return rows.assign(day=rows["day"].where(~lost, None))


@pytest.mark.parametrize(("clusters", "lost"), [(True, 0.0), (False, 0.0), (True, 0.3)])
def test_errors_are_those_of_repeated_draws(clusters: bool, lost: float) -> None:
    model = Model(linear={"x": 1.0})
    changes, errors, owns, own_errors = [], [], [], []
    for seed in range(120):
        sides = [rows_of_days(2 * seed + side, ["x"], days=25, per_day=40) for side in (0, 1)]
        if lost:
            sides = [without_days(frame, seed, lost) for frame in sides]
        if not clusters:
            draws = (np.random.default_rng((seed, side)) for side in (0, 1))
            sides = [frame.assign(x=draw.normal(size=len(frame))) for frame, draw in zip(sides, draws, strict=True)]
        drift = compare_planted(*((frame, model) for frame in sides), clusters=clusters)
        row = drift.features[0]
        changes.append(row.relative)
        errors.append((row.change_ci[1] - row.change_ci[0]) / (row.before + row.after))
        owns.append(row.parts["own"].value)
        own_errors.append(row.parts["own"].se)
    spread, own_spread = np.std(changes), np.std(owns)
    t = 2.064 if clusters else 1.962
    assert np.mean(errors) / t == pytest.approx(spread, rel=0.2)
    assert np.mean(own_errors) == pytest.approx(own_spread, rel=0.2)


@pytest.mark.parametrize(("shards", "lost"), [(7, 0.0), (64, 0.0), (64, 0.3)])
def test_no_sharding_changes_a_comparison(shards: int, lost: float) -> None:
    model = Model(linear={"a": 1.0, "b": 0.5})
    sides = [(without_days(rows_of_days(seed, ["a", "b"]), seed, lost), model) for seed in (0, 1)]
    whole = compare_planted(*sides)
    cut = compare_planted(*sides, shards=shards)
    for one, two in zip(whole.features, cut.features, strict=True):
        assert one.state == two.state
        for field in ("before", "after", "change", "q_value"):
            assert getattr(one, field) == pytest.approx(getattr(two, field), rel=1e-9)
        for name, part in one.parts.items():
            assert part.value == pytest.approx(two.parts[name].value, rel=1e-9, abs=1e-9)
            assert part.se == pytest.approx(two.parts[name].se, rel=1e-9)


def test_random_halves_of_one_period_hardly_ever_differ() -> None:
    """200 splits by day: at most 2 % of the reports call a feature changed; rows taken as independent do in most."""
    model = Model(linear=dict.fromkeys("abcdefgh", 1.0))
    rows = rows_of_days(5, list("abcdefgh"), days=30, per_day=60)
    days = rows["day"].unique()
    random = np.random.default_rng(0)
    alarms = {True: 0, False: 0}
    for split in range(200):
        first = set(random.permutation(days)[:15])
        halves = rows[rows["day"].isin(first)], rows[~rows["day"].isin(first)]
        for clusters in (True, False) if split < 40 else (True,):
            first_half, second_half = (period_of(half, model, "2013-05", clusters=clusters) for half in halves)
            drift = compare_periods(first_half, second_half)
            alarms[clusters] += bool(drift.alarms)
    assert alarms[True] <= 4
    assert alarms[False] > 20
