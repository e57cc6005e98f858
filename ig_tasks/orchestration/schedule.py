"""When a spec's DAG runs."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from airflow.sdk import (
    Asset,
    AssetAll,
    CronPartitionTimetable,
    CronTriggerTimetable,
    PartitionedAssetTimetable,
    PartitionedAtRuntime,
)

from ig_tasks.spec import ExplanationSpec, ScheduleSpec

__all__ = ["schedule_arguments", "timetable_arguments"]


def schedule_arguments(spec: ExplanationSpec) -> dict[str, Any]:
    """`schedule`, `start_date`, `end_date` and `catchup` for the DAG of a spec: see `timetable_arguments`."""
    return timetable_arguments(spec.schedule, by_partition=spec.data.partition is not None)


def timetable_arguments(schedule: ScheduleSpec | None, *, by_partition: bool) -> dict[str, Any]:
    """`schedule`, `start_date`, `end_date` and `catchup` for a DAG.

    - none: never scheduled; a run that is triggered may be given a partition key.
    - cron: at those times, without a partition.
    - cron with `partition`: each run has the key of its period, `offset` periods away from its date. Scheduled,
      triggered and backfilled runs agree on it, which data intervals do not.
    - assets: when all of them were updated, for the same partition if the data have partitions.
    """
    if schedule is None:
        return {"schedule": PartitionedAtRuntime(), "catchup": False}
    chosen = _asset_timetable(schedule, by_partition) if schedule.assets else _cron_timetable(schedule)
    return {
        "schedule": chosen,
        "start_date": _moment(schedule.start, time.min),
        "end_date": _moment(schedule.end, time(23, 59, 59)),
        "catchup": False,
    }


def _cron_timetable(schedule: ScheduleSpec) -> CronPartitionTimetable | CronTriggerTimetable:
    assert schedule.cron is not None  # noqa: S101 - a schedule has assets, or this
    if schedule.partition:
        return CronPartitionTimetable(
            schedule.cron, timezone="UTC", run_offset=schedule.offset, key_format=schedule.partition
        )
    return CronTriggerTimetable(schedule.cron, timezone="UTC")


def _asset_timetable(schedule: ScheduleSpec, by_partition: bool) -> PartitionedAssetTimetable | AssetAll:
    names = schedule.assets
    assets = AssetAll(*(Asset(name) for name in names))
    # Events of partitioned runs reach partitioned timetables only, and others reach the others only.
    if by_partition or any(name.startswith("ig://") for name in names):
        return PartitionedAssetTimetable(assets=assets)
    return assets


def _moment(day: date | None, at: time) -> datetime | None:
    return None if day is None else datetime.combine(day, at, tzinfo=UTC)
