"""A page whose charts are drawn where a crash can be survived: it costs the charts, not the report.

The chart library holds a JavaScript engine, which ends its process where it gets no memory. A process of its own costs
half a second, so that pages are drawn in this one unless its memory is limited.
"""

from __future__ import annotations

import resource

from ig_tasks.expendable import Died, Expendable
from ig_tasks.reports.page import render_page
from ig_tasks.reports.page_environment import undrawn
from ig_tasks.store.report import Report

__all__ = ["draw_page"]

_MODULE = "ig_tasks.reports.page_drawing_child"
_SECONDS = 600.0


def draw_page(report: Report, document: str) -> str:
    """The page of a report, of which `document` is the JSON; it says so of charts that could not be drawn."""
    if not _is_limited():
        return render_page(report, document)
    try:
        with Expendable(_MODULE) as drawing:
            return str(drawing.ask(document, limit=_SECONDS))
    except Died as died:
        with undrawn(died.words):
            return render_page(report, document)


def _is_limited() -> bool:
    """Whether the address space is limited, as by `ulimit -v`: an engine that is refused memory aborts."""
    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)
