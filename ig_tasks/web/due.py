"""Which partition a spec's schedule should have explained by now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from croniter import croniter

__all__ = ["Due", "due_by"]

_GRACE = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """What was due last.

    Attributes:
        at: when its run was to begin.
        partition: None where the schedule names none.
    """

    at: datetime
    partition: str | None


def due_by(schedule: Mapping[str, Any] | None, moment: datetime) -> Due | None:
    """What a schedule asks for that should be there by now, with a day's grace, or half the time between two runs.

    None without a schedule, for one that waits for assets, and before its first date. The partition is found as
    Airflow's CronPartitionTimetable does: `offset` times of the cron expression away from the run's.
    """
    if not schedule or not schedule.get("cron"):
        return None
    end = _moment(schedule.get("end"), time(23, 59, 59))
    until = moment if end is None else min(moment, end)
    times = croniter(str(schedule["cron"]), until + timedelta(seconds=1))
    latest, before = times.get_prev(datetime), times.get_prev(datetime)
    at = before if moment - latest < min(_GRACE, (latest - before) / 2) else latest
    start = _moment(schedule.get("start"), time.min)
    if start is not None and at < start:
        return None
    pattern, offset = schedule.get("partition"), int(schedule.get("offset") or 0)
    if not pattern:
        return Due(at, None)
    days = croniter(str(schedule["cron"]), at)
    day = at
    for _ in range(abs(offset)):
        day = days.get_next(datetime) if offset > 0 else days.get_prev(datetime)
    return Due(at, day.strftime(str(pattern)))


def _moment(day: Any, at: time) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day if isinstance(day, date) else date.fromisoformat(str(day)), at, tzinfo=UTC)
