"""The overview: every spec whose reports this user may read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.store.clock import utc_now
from ig_tasks.web.access import activity_of
from ig_tasks.web.dependencies import CatalogueOf, readable_names
from ig_tasks.web.model_standing import STATES, Standing, standing_of, summary_of
from ig_tasks.web.page_rendering import page

router = APIRouter()

_ORDERS: dict[str, Callable[[Standing], Any]] = {
    "name": lambda standing: standing.summary.name,
    "partition": lambda standing: (standing.summary.latest.partition, standing.summary.name),
    "created": lambda standing: (standing.summary.latest.created_at, standing.summary.name),
    "converged": lambda standing: (
        -1.0 if (share := standing.summary.current.converged) is None else share,
        standing.summary.name,
    ),
    "failed": lambda standing: (_failure_counts(standing), standing.summary.name),
    "alarms": lambda standing: (
        -1 if (alarms := standing.summary.latest.alarms) is None else alarms,
        standing.summary.name,
    ),
    "verdicts": lambda standing: (_verdict_count(standing), standing.summary.name),
}
_Word = Annotated[str, Query(max_length=200)]


@router.get("/")
def show(
    request: Request,
    catalogue: CatalogueOf,
    q: _Word = "",
    owner: _Word = "",
    tag: _Word = "",
    state: _Word = "",
    sort: _Word = "name",
    down: bool = False,
) -> Response:
    """All specs: searched by `q`, of one owner, tag and state, in an order."""
    names = readable_names(request)
    activity = activity_of(request, names)
    computing = {run.name for run in catalogue.unfinished() if run.computing}
    moment = utc_now()
    every = [
        standing_of(summary, moment, computing=computing, activity=activity.get(name))
        for name in names
        if (summary := catalogue.derived(name, "summary", summary_of)) is not None
    ]
    chosen = [standing for standing in every if _is_chosen(standing, q.casefold().split(), owner, tag, state)]
    by = sort if sort in _ORDERS else "name"
    chosen.sort(key=_ORDERS[by], reverse=down)
    return page(
        request,
        "overview_page.html",
        rows=chosen,
        total=len(every),
        owners=sorted({standing.summary.latest.owner for standing in every} - {""}),
        tags=sorted({name for standing in every for name in standing.summary.latest.tags}),
        states=STATES,
        chosen={"q": q, "owner": owner, "tag": tag, "state": state},
        sort=by,
        down=down,
        progress=catalogue.progress,
    )


def _is_chosen(standing: Standing, words: Sequence[str], owner: str, tag: str, state: str) -> bool:
    latest = standing.summary.latest
    return (
        all(word in standing.summary.searched for word in words)
        and owner in ("", latest.owner)
        and (not tag or tag in latest.tags)
        and (not state or state in standing.states)
    )


def _failure_counts(standing: Standing) -> tuple[int, int]:
    failed = standing.summary.latest.failed
    return sum(check.severity == "critical" for check in failed), len(failed)


def _verdict_count(standing: Standing) -> int:
    verdicts = standing.summary.latest.verdicts
    return -1 if verdicts is None else sum(verdicts.values())
