"""A page whose charts are drawn where a crash can be survived: it costs the charts, not the report.

The chart library holds a JavaScript engine, which ends its process where it gets no memory or meets its own fault.
So pages are drawn in a process beside the run's. It takes a second to start: begun early, nobody waits for it.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ig_tasks.expendable import Died, Expendable
from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_environment import undrawn
from ig_tasks.store.report import Report

__all__ = ["begin_drawing", "draw_page", "drawing_ahead"]

_MODULE = "ig_tasks.reports.page_drawing_child"
_SECONDS = 600.0

_begun: list[Expendable] = []


def begin_drawing() -> None:
    """Start the process that draws the next page, while something else is waited for."""
    if not _begun:
        _begun.append(_process())


@contextmanager
def drawing_ahead(*, begin: bool) -> Iterator[None]:
    """A block after which no process is left that drew nothing; `begin`: start one now."""
    try:
        if begin:
            begin_drawing()
        yield
    finally:
        while _begun:
            _begun.pop().close()


def draw_page(report: Report, document: str, *, apart: bool) -> str:
    """The page of a report, of which `document` is the JSON; it says so of charts that could not be drawn.

    Args:
        apart: draw in a process of its own; where this one's memory is limited, that is done in any case.
    """
    if not (apart or _is_limited()):
        return render_page(report, document)
    # One that was begun long ago may have been ended by somebody: that says nothing of the charts.
    processes = [*(_begun.pop() for _ in _begun[:]), None]
    died: Died | None = None
    for begun in processes:
        try:
            with begun or _process() as drawing:
                return str(drawing.ask(document, limit=_SECONDS))
        except Died as one:
            died = one
    with undrawn(died.words if died else ""):
        return render_page(report, document)


def _process() -> Expendable:
    # What an engine writes when it crashes helps nobody who reads a run's log.
    return Expendable(_MODULE, log=Path(os.devnull))


def _is_limited() -> bool:
    """Whether the address space is limited, as by `ulimit -v`: an engine that is refused memory aborts."""
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)
