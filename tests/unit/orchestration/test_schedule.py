from datetime import UTC, datetime

import pytest
from airflow.sdk import AssetAll, CronTriggerTimetable, PartitionedAssetTimetable, PartitionedAtRuntime
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction
from pendulum import DateTime

from ig_tasks.errors import SpecError
from ig_tasks.orchestration.schedule import schedule_arguments
from ig_tasks.spec import load_spec

MONTHLY = {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1}


@pytest.fixture
def arguments(document):
    def make(schedule, **changes):
        return schedule_arguments(load_spec({**document, **changes, "schedule": schedule}))

    return make


def test_without_a_schedule_runs_are_triggered_and_may_be_given_a_key(arguments):
    found = arguments(None)
    assert isinstance(found["schedule"], PartitionedAtRuntime)
    assert found["catchup"] is False


def test_a_cron_expression_alone_has_no_partition(arguments):
    found = arguments("0 6 * * *")["schedule"]
    assert type(found) is CronTriggerTimetable


def test_the_run_of_november_second_is_for_october(arguments):
    timetable = coerce_to_core_timetable(arguments(MONTHLY)["schedule"])
    first = DateTime(2013, 11, 1, tzinfo=UTC)
    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=first, latest=None, catchup=True)
    )
    assert info.run_after == DateTime(2013, 11, 2, 6, tzinfo=UTC)
    assert info.partition_key == "2013-10"


def test_a_backfill_of_a_year_has_its_twelve_months(arguments):
    timetable = coerce_to_core_timetable(arguments(MONTHLY)["schedule"])
    infos = timetable.iter_partition_dagrun_infos(
        earliest=DateTime(2013, 1, 1, tzinfo=UTC), latest=DateTime(2013, 12, 31, tzinfo=UTC)
    )
    assert [info.partition_key for info in infos] == [f"2013-{month:02d}" for month in range(1, 13)]


def test_start_and_end_are_whole_days_and_nothing_is_caught_up(arguments):
    found = arguments({**MONTHLY, "start": "2013-02-01", "end": "2014-01-31"})
    assert found["start_date"] == datetime(2013, 2, 1, tzinfo=UTC)
    assert found["end_date"] == datetime(2014, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert found["catchup"] is False


def test_unpausing_after_the_end_starts_nothing(arguments):
    found = arguments({**MONTHLY, "start": "2013-02-01", "end": "2014-01-31"})
    restriction = TimeRestriction(
        earliest=DateTime(2013, 2, 1, tzinfo=UTC), latest=DateTime(2014, 1, 31, 23, 59, 59, tzinfo=UTC), catchup=False
    )
    timetable = coerce_to_core_timetable(found["schedule"])
    assert timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction) is None


def test_assets_wait_for_the_same_partition_where_the_data_have_partitions(arguments):
    found = arguments({"assets": ["s3://data/loans", "prices"]})["schedule"]
    assert isinstance(found, PartitionedAssetTimetable)
    assert {asset.name for asset in found.asset_condition.objects} == {"s3://data/loans", "prices"}


def test_assets_of_data_without_partitions_are_plain_events(arguments):
    found = arguments({"assets": ["prices"]}, data="s3://data/loans")["schedule"]
    assert isinstance(found, AssetAll)


def test_a_report_of_ours_always_has_a_partition(arguments):
    assert isinstance(arguments({"assets": ["ig://other"]}, data="s3://data")["schedule"], PartitionedAssetTimetable)


def test_a_cron_expression_that_means_nothing_is_an_error_of_the_spec(arguments):
    with pytest.raises(SpecError, match=r"schedule\.cron: '1#2 \* \* \* \*' is not a cron expression"):
        arguments("1#2 * * * *")
