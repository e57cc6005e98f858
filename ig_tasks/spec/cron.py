"""Cron expressions, as far as they can be judged without a scheduler: misprints are found when a spec is read."""

from __future__ import annotations

import re

_PRESETS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_WORDS = {
    "month": ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    "weekday": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


def check_cron(text: str | None) -> str | None:
    """`text` itself.

    Raises:
        ValueError: if it is neither a preset nor five fields of numbers that such fields can hold. Extensions of
            cron (`L`, `#`) pass: whether they mean something is the scheduler's to say.
    """
    if text is not None and (fault := _fault(text)):
        raise ValueError(f"{text!r} is no cron expression ({fault})")
    return text


def _fault(text: str) -> str:
    if text.startswith("@"):
        return "" if text in _PRESETS else f"words are {', '.join(_PRESETS)}"
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"it has {len(fields)} fields, not the five minute hour day month weekday"
    faults = (_fault_of(field, *known) for field, known in zip(fields, _FIELDS, strict=True))
    return next((fault for fault in faults if fault), "")


def _fault_of(field: str, name: str, low: int, high: int) -> str:
    for part in field.split(","):
        if not re.fullmatch(r"[\w*/#?-]+", part, re.ASCII):
            return f"{name} {part!r} means nothing"
        if re.search(r"/0*$", part):
            return f"{name} {part!r} has no step"
        times = re.split(r"[/#]", part)[0]
        for number in re.findall(r"\d+", times):
            if not low <= int(number) <= high:
                return f"{name} {number} is not {low} to {high}"
        for word in re.findall(r"[A-Za-z]{2,}", times):
            if word.lower() not in _WORDS.get(name, ()):
                return f"{name} {word!r} means nothing"
    return ""
