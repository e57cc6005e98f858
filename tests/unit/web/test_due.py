"""Which partition was due, as Airflow's own timetable has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from airflow.timetables.trigger import CronPartitionTimetable as Airflows

from ig_tasks.web.due import Due, due_by


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MONTHLY = {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1}


def test_the_month_before_is_due_a_day_after_its_run_began() -> None:
    assert due_by(MONTHLY, at("2013-11-03T07:00")) == Due(at("2013-11-02T06:00"), "2013-10")
    assert due_by(MONTHLY, at("2013-11-02T12:00")) == Due(at("2013-10-02T06:00"), "2013-09")


def test_a_short_pace_has_half_of_it_as_grace() -> None:
    hourly = {"cron": "0 * * * *"}
    assert due_by(hourly, at("2013-11-02T12:40")) == Due(at("2013-11-02T12:00"), None)
    assert due_by(hourly, at("2013-11-02T12:20")) == Due(at("2013-11-02T11:00"), None)


def test_nothing_is_due_before_the_first_date_and_after_the_last_one_only_the_last() -> None:
    bounded = MONTHLY | {"start": "2013-02-01", "end": "2014-01-31"}
    assert due_by(bounded, at("2013-01-20T00:00")) is None
    assert due_by(bounded, at("2026-01-20T00:00")) == Due(at("2014-01-02T06:00"), "2013-12")


@pytest.mark.parametrize("schedule", [None, {}, {"cron": None, "assets": ["ig://other"]}])
def test_what_has_no_cron_is_never_due(schedule: dict[str, object] | None) -> None:
    assert due_by(schedule, at("2013-11-03T07:00")) is None


@pytest.mark.parametrize("offset", [-2, -1, 0, 1])
@pytest.mark.parametrize("cron", ["0 6 2 * *", "30 4 * * 1", "@daily"])
def test_partitions_are_those_of_airflows_timetable(cron: str, offset: int) -> None:
    theirs = Airflows(cron, timezone="UTC", run_offset=offset, key_format="%Y-%m-%d")
    for days in range(0, 400, 37):
        found = due_by(
            {"cron": cron, "partition": "%Y-%m-%d", "offset": offset}, at("2013-03-05T11:00") + timedelta(days)
        )
        assert found is not None

        assert theirs._get_partition_info(run_date=pendulum.instance(found.at))[1] == found.partition
