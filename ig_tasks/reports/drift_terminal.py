"""A comparison of two reports in the terminal: what changed, by how much and why."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from ig_tasks.presentation.colours import TERMINAL
from ig_tasks.presentation.percentages import percent
from ig_tasks.reports.numerals import number
from ig_tasks.reports.terminal import plain
from ig_tasks.store.drift_parts import ComparedRun, Drift, FeatureDrift

__all__ = ["print_drift"]

_GOOD, _CARE, _BAD, _SOFT = (TERMINAL[tone] for tone in ("good", "care", "bad", "soft"))
_TONES = {"changed": f"bold {_CARE}", "cancelled": f"bold {_CARE}", "unchanged": _GOOD}


def print_drift(drift: Drift, console: Console, *, top: int = 25) -> None:
    """Print one comparison: its summary, a row per feature and group, and what limits it."""
    sides = [side for side in (drift.reference, drift.current) if side is not None]
    console.print(plain(" against ".join(_run_words(side) for side in reversed(sides)), "bold"))
    tone = f"bold {_BAD}" if drift.alarms else _GOOD if drift.comparable else f"bold {_CARE}"
    console.print(plain(drift.summary, tone))
    if not drift.comparable:
        return
    changes = [part for part, is_so in (("model", drift.model_changed), ("baseline", drift.baseline_changed)) if is_so]
    console.print(plain(f"The {' and the '.join(changes)} changed." if changes else "Model and baseline are the same."))
    _print_rows("feature", [row for row in drift.features if row.segment is None], console, top)
    _print_rows("group", list(drift.groups), console, top)
    segments = [row for row in drift.features if row.segment is not None and row.state == "changed"]
    _print_rows("segment", segments, console, top)
    for row in (*drift.features, *drift.groups):
        if row.alarm:
            console.print(plain("alarm: ", f"bold {_BAD}") + plain(row.sentence))
    for note in drift.notes:
        console.print(plain(note, _SOFT))


def _print_rows(noun: str, rows: Sequence[FeatureDrift], console: Console, top: int) -> None:
    if not rows:
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column(noun, overflow="ellipsis", no_wrap=True, max_width=36)
    for name in ("before", "after", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("because of", overflow="fold")
    for row in rows[:top]:
        name = row.feature if row.segment is None else f"{row.segment}: {row.feature}"
        table.add_row(
            plain(name),
            number(row.before),
            number(row.after),
            "new" if row.growth is None else f"{percent(row.growth, signed=True)}",
            plain(row.state, f"bold {_BAD}" if row.alarm else _TONES.get(row.state, "")),
            plain(_causes(row), _SOFT),
        )
    console.print(table)
    if len(rows) > top:
        console.print(plain(f"{len(rows) - top} more {noun}s: --json lists them", _SOFT))


def _causes(row: FeatureDrift) -> str:
    if row.follows_partition and row.state == "changed":
        return "follows the partition"
    named = [
        "values of " + ", ".join(other.feature for other in row.others[:2])
        if cause == "others" and row.others
        else cause
        for cause in row.cause
    ]
    return ", ".join(named)


def _run_words(side: ComparedRun) -> str:
    return f"{side.name} {side.partition} ({side.rows:,} rows)"
