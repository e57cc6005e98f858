"""A contest: several libraries, each with its settings, explain the same rows of one model."""

from __future__ import annotations

import gc
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import accuracy
from benchmarks.memory import peaks
from benchmarks.results import Accuracy, Entry, Suite

__all__ = ["OURS", "Attributed", "Contest", "Contestant", "Options", "Refused", "log", "run"]

Array = npt.NDArray[np.float64]

OURS = "ig-tasks"
TURN = 0.5
"""A library that is faster than this many seconds explains the rows again within its turn, up to REPEATS times."""
REPEATS = 5
ENOUGH = 30.0
"""After two rounds, no further round begins that would make them last longer than this many seconds in total."""
SLOW = 4.0
"""What takes longer than this many seconds is timed in the first round alone, since its own length evens it out. Where
it takes longer than twice as many, and was warmed up with all rows, that run counts. What would take longer for its
memory is left out there."""


class Refused(Exception):  # noqa: N818 - not an error: the contest goes on without it
    """A library is not installed, or does not take this model."""


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Attributed:
    """What a library found for the first rows of a contest."""

    values: Array
    """(rows, features)"""
    evaluations: npt.NDArray[np.int32] | None = None
    """(rows,)"""
    converged: npt.NDArray[np.bool_] | None = None
    """(rows,)"""
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, explanation: Any) -> Attributed:
        """The figures of an ig_tasks.Explanation."""
        found = explanation.attributions
        values = next(iter(found.values())) if isinstance(found, dict) else found
        return cls(
            values.reshape(len(values), -1),
            explanation.evaluations,
            explanation.status == "converged",
            explanation.details,
        )


@dataclass(frozen=True)
class Contestant:
    """One library with one setting."""

    key: str
    """By which a contest finds it again in another process."""
    library: str
    setting: str
    rows: int
    """How many rows it is timed on: fewer than the contest's where it is slow."""
    explain: Callable[[int], Attributed]
    """Explain the first n rows."""
    evaluations: float | None = None
    """Gradient evaluations per row, where fixed."""


@dataclass(frozen=True)
class Options:
    """How a suite is run."""

    rows: int | None = None
    quick: bool = False
    rounds: int = 3
    memory: bool = True

    def choose(self, full: int, quick: int) -> int:
        """Rows of a table: those asked for, else by the kind of run."""
        return self.rows or (quick if self.quick else full)


class Contest(ABC):
    """The rows, the model, and who takes part."""

    name: str
    title: str
    rows: int
    tolerance: float = 0.01
    memory_rows: int = 2_000
    """Rows that memory is measured with, where there are more."""
    notes: Sequence[str] = ()
    """Read when all take part: `more` may add to them."""

    @abstractmethod
    def contestant(self, key: str) -> Contestant:
        """Raises Refused where it cannot take part, KeyError for an unknown key."""

    @abstractmethod
    def entrants(self) -> list[str]:
        """Who takes part, ours first. May try settings out."""

    @abstractmethod
    def reference(self) -> tuple[Array, str]:
        """Attributions of the first rows as they should be, and how they were found."""

    def more(self, found: Mapping[str, Accuracy]) -> list[str]:  # noqa: ARG002 - for those that override it
        """Who else takes part, now that the errors are known: a peer at the error that ours has."""
        return []

    def products(self) -> float | None:
        """Seconds of the matrix products of one gradient evaluation of one row."""
        return None


@dataclass
class _Run:
    contestant: Contestant
    found: Attributed
    accuracy: Accuracy
    first: float
    seconds: list[float] = field(default_factory=list)


def run(contest: Contest, options: Options) -> Suite:
    """Errors, then times in turns, then memory in fresh processes."""
    started = time.perf_counter()
    reference, how = contest.reference()
    log(f"  reference of {len(reference)} rows: {time.perf_counter() - started:.0f} s")
    notes: list[str] = []
    runs: dict[str, _Run] = {}

    def enter(key: str) -> None:
        try:
            runs[key] = _first(contest.contestant(key), reference, contest.tolerance)
        except Refused as refusal:
            notes.append(str(refusal))
            log(f"  left out: {refusal}")

    for key in contest.entrants():
        enter(key)
    errors = {key: each.accuracy for key, each in runs.items()}
    for key in contest.more(errors):
        if key not in runs:
            enter(key)
    notes += contest.notes
    timed = time.perf_counter()
    for done in range(options.rounds):
        if done > 1 and (time.perf_counter() - timed) * (done + 1) / done > ENOUGH:
            break
        for each in runs.values():
            if not each.seconds or each.seconds[-1] < SLOW:
                _turn(each)
    notes += [note for each in runs.values() if (note := _first_note(each))]
    products = contest.products()
    memory = _memory(contest, runs) if options.memory else {}
    entries = tuple(_entry(each, products, memory.get(key)) for key, each in runs.items())
    spent = time.perf_counter() - started
    log(f"  {contest.name}: {spent:.0f} s altogether")
    return Suite(
        name=contest.name,
        title=contest.title,
        tolerance=contest.tolerance,
        rows=contest.rows,
        reference=how,
        entries=entries,
        notes=tuple(notes),
        seconds=spent,
    )


def _first(contestant: Contestant, reference: Array, tolerance: float) -> _Run:
    """The first run, which also warms it up: ours on all rows, since its claims are counted over all."""
    rows = contestant.rows if contestant.library == OURS else min(contestant.rows, len(reference))
    gc.collect()
    started = time.perf_counter()
    found = contestant.explain(rows)
    first = time.perf_counter() - started
    errors = accuracy(found.values, reference[:rows], tolerance, found.converged)
    log(
        f"  {contestant.library}, {contestant.setting}: median error {errors.median:.1e}, "
        f"99th percentile {errors.p99:.1e}; first run, {rows} rows, {first:.2f} s"
    )
    taken = [first] if first > 2 * SLOW and rows == contestant.rows else []
    return _Run(contestant, found, errors, first, taken)


def _memory(contest: Contest, runs: Mapping[str, _Run]) -> dict[str, float]:
    """Megabytes of those that explained as many rows, as far as they are quick."""
    rows = min(contest.rows, contest.memory_rows)
    quick = [
        key
        for key, each in runs.items()
        if each.contestant.rows >= rows and each.seconds[-1] * rows / each.contestant.rows < SLOW
    ]
    return peaks(contest.name, rows, quick)


def _first_note(each: _Run) -> str | None:
    """What a first call costs beyond later ones: tracing and compiling."""
    usual = float(np.median(each.seconds)) if each.seconds else each.first
    if each.contestant.library != OURS or each.first < max(2.0 * usual, usual + 0.5):
        return None
    return f"{OURS}, {each.contestant.setting}: the first call took {each.first:.1f} s, later ones {usual:.2f} s."


def _turn(each: _Run) -> None:
    gc.collect()
    spent = 0.0
    for _ in range(REPEATS):
        started = time.perf_counter()
        each.contestant.explain(each.contestant.rows)
        each.seconds.append(time.perf_counter() - started)
        spent += each.seconds[-1]
        if spent > TURN:
            break
    log(f"  {each.contestant.library}, {each.contestant.setting}: {each.seconds[-1]:.3f} s")


def _entry(each: _Run, products: float | None, peak: float | None) -> Entry:
    contestant, found = each.contestant, each.found
    ours = contestant.library == OURS
    evaluations = contestant.evaluations if found.evaluations is None else float(found.evaluations.mean())
    entry = Entry(
        key=contestant.key,
        library=contestant.library,
        setting=contestant.setting,
        rows=contestant.rows,
        seconds=tuple(each.seconds),
        first_seconds=each.first,
        accuracy=each.accuracy,
        evaluations=evaluations,
        converged=None if found.converged is None else float(found.converged.mean()),
        peak_megabytes=peak,
        chosen=f"{found.details.get('integrator')}: {found.details.get('reason')}" if ours else None,
    )
    if products is None or evaluations is None:
        return entry
    return entry.model_copy(update={"times_products": entry.row_seconds / (products * evaluations)})
