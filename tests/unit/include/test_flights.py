"""The demo data: which flights, which columns, what is missing; written once and found done afterwards."""

import json

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest


@pytest.fixture(scope="module")
def whole(demo_dataset):
    return ds.dataset(demo_dataset, format="parquet", partitioning="hive").to_table().to_pandas()


def test_every_flight_with_a_known_arrival(whole):
    assert len(whole) == 327_346
    assert whole["flight_id"].is_unique
    assert whole["flight_id"].iloc[0] == "2013-01-01-AA-1141-JFK"
    assert sorted(whole["month"].unique()) == [f"2013-{month:02d}" for month in range(1, 13)]
    assert (whole["month"].str[-2:] == whole["month_of_year"]).all()
    assert (whole["flight_id"].str[:7] == whole["month"]).all()


def test_the_label_is_late_by_more_than_fifteen_minutes(whole):
    assert set(whole["late"].unique()) == {0, 1}
    assert whole["late"].mean() == pytest.approx(0.23715, abs=1e-5)


def test_what_gives_the_arrival_away_is_not_there(whole):
    assert not {"arr_time", "dep_time", "air_time", "arr_delay"} & set(whole.columns)


def test_only_weather_and_the_manufacturer_are_missing(whole):
    from include.datasets.flights import WEATHER

    missing = whole.isna().sum()
    assert set(missing.index[missing > 0]) == {*WEATHER, "manufacturer"}
    rows = whole[WEATHER].isna().any(axis=1)
    assert rows.sum() == 1_622
    assert rows.groupby(whole["month"]).mean().max() < 0.05
    assert (whole["manufacturer"].isna() == (whole["plane_known"] == 0)).all()
    assert (whole["plane_known"] == 0).sum() == 48_329


def test_values_are_plausible(whole):
    assert whole["wind_speed"].max() < 100
    assert whole["plane_age"].between(0, 60).all()
    assert whole["dep_hour"].str.fullmatch(r"\d\d").all()
    assert set(whole["weekday"]) == {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
    # 2013 began on a Tuesday.
    assert (whole.loc[whole["flight_id"].str.startswith("2013-01-01"), "weekday"] == "Tue").all()


def test_run_again_it_finds_its_work_done(demo_dataset, capsys):
    from include.datasets import flights

    before = {path: path.stat().st_mtime_ns for path in demo_dataset.rglob("*")}
    assert flights.main(["--to", str(demo_dataset)]) == 0
    assert "complete, nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in demo_dataset.rglob("*")} == before


@pytest.mark.parametrize("damage", ["file", "recipe", "marker"])
def test_a_damaged_dataset_is_not_done(two_months, damage):
    from include.datasets import flights

    marker = two_months / flights.MARKER
    content = json.loads(marker.read_text())
    content["rows"] = {file: rows for file, rows in content["rows"].items() if (two_months / file).is_file()}
    marker.write_text(json.dumps(content))
    assert flights.is_done(two_months)
    if damage == "file":
        (two_months / "month=2013-09" / "part-0.parquet").write_bytes(b"PAR1")
    elif damage == "recipe":
        marker.write_text(json.dumps({**content, "recipe": "of yesterday"}))
    else:
        marker.unlink()
    assert not flights.is_done(two_months)


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    from include.datasets import flights

    (tmp_path / "mine.txt").write_text("x")
    assert flights.main(["--to", str(tmp_path)]) == 2
    assert "holds files that this script did not write" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "x"


def test_a_new_dataset_takes_the_place_of_the_old_in_one_move(two_months):
    from include.datasets import flights

    data = pd.DataFrame({name: pd.Series([1, 2]) for name in flights.SCHEMA.names})
    data = data.astype(dict.fromkeys(("flight_id", "day", *flights.CATEGORICAL), "str"))
    flights.write(data.assign(month=["2013-01", "2013-02"]), two_months)
    assert sorted(path.name for path in two_months.iterdir()) == [flights.MARKER, "month=2013-01", "month=2013-02"]
    assert flights.is_done(two_months)
    assert [path.name for path in two_months.parent.iterdir()] == [two_months.name]


def test_flights_without_weather_keep_missing_values_and_a_broken_gauge_is_one():
    from include.datasets.flights import with_weather

    flights = pd.DataFrame({"origin": ["JFK", "JFK", "EWR"], "time_hour": ["a", "b", "a"]})
    weather = pd.DataFrame(
        {
            "origin": ["JFK", "EWR"],
            "time_hour": ["a", "a"],
            **dict.fromkeys(["temp", "dewp", "humid", "precip", "visib"], 1.0),
            "wind_speed": [5.0, 1048.4],
        }
    )
    joined = with_weather(flights, weather)
    assert joined["temp"].tolist()[::2] == [1.0, 1.0]
    assert np.isnan(joined["temp"][1])
    assert np.isnan(joined["wind_speed"]).tolist() == [False, True, True]


def test_unknown_aircraft_get_the_median_of_the_training_months():
    from include.datasets.flights import with_planes

    flights = pd.DataFrame({"tailnum": ["A", "A", "B", "X", "C"], "month": [1, 2, 3, 4, 10]})
    planes = pd.DataFrame(
        {"tailnum": ["A", "B", "C"], "year": [2003.0, np.nan, 1963.0], "seats": [100, 200, 400], "manufacturer": "M"}
    )
    joined = with_planes(flights, planes)
    assert joined["plane_known"].tolist() == [1, 1, 1, 0, 1]
    assert joined["plane_age"].tolist() == [10, 10, 10, 10, 50]
    assert joined["seats"].tolist() == [100, 100, 200, 100, 400]
    assert joined["manufacturer"].isna().tolist() == [False, False, False, True, False]
