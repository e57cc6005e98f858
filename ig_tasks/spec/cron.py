"""Cron expressions, judged by croniter as Airflow's timetables do: misprints are found when a spec is read."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["check_cron"]

_PRESETS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually")
_FIELDS = {
    "minute": "0 to 59, or a step such as */15",
    "hour": "0 to 23, or a step such as */6",
    "day": "1 to 31",
    "month": "1 to 12, or jan to dec",
    "weekday": "0 to 7, or sun to sat",
}
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def check_cron(text: str | None) -> str | None:
    """`text` itself.

    Args:
        text: a cron expression of five fields, or a preset such as `@daily`; None passes.

    Raises:
        ValueError: if croniter cannot read it, or it names a day that no year has; the message names the field.
    """
    if text is not None and (fault := _fault(text)):
        raise ValueError(f"{text!r} is not a cron expression ({fault})")
    return text


def _fault(text: str) -> str:
    """What is wrong with an expression; nothing if croniter takes it."""
    from croniter import CroniterBadDateError, CroniterError, croniter

    if text.startswith("@"):
        return "" if text in _PRESETS else f"words are {', '.join(_PRESETS)}"
    fields = text.split()
    if len(fields) != len(_FIELDS):
        # croniter reads seconds and years too, which Airflow does not schedule by.
        return f"it has {len(fields)} fields, not the five minute hour day month weekday"
    for place, (name, takes) in enumerate(_FIELDS.items()):
        alone = ["*"] * len(fields)
        alone[place] = fields[place]
        try:
            croniter.expand(" ".join(alone))
        except CroniterError:
            return f"{name} {fields[place]!r} means nothing; write {takes}"
    try:
        croniter(text, _ANY_TIME).get_next()
    except CroniterBadDateError:
        return "there is no such day in any year"
    except CroniterError as error:
        return " ".join(str(error).split())
    return ""
