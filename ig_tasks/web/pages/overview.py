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
    "name": lambda one: one.summary.name,
    "partition": lambda one: (one.summary.latest.partition, one.summary.name),
    "created": lambda one: (one.summary.latest.created_at, one.summary.name),
    "converged": lambda one: (-1.0 if (share := one.summary.shown.converged) is None else share, one.summary.name),
    "failed": lambda one: (_failed(one), one.summary.name),
    "alarms": lambda one: (-1 if (found := one.summary.latest.alarms) is None else found, one.summary.name),
    "verdicts": lambda one: (_judged(one), one.summary.name),
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
    computing = {run.name for run in catalogue.mender.unfinished() if run.computing}
    moment = utc_now()
    every = [
        standing_of(summary, moment, computing=computing, activity=activity.get(name))
        for name in names
        if (summary := catalogue.derived(name, "summary", summary_of)) is not None
    ]
    chosen = [one for one in every if _wanted(one, q.casefold().split(), owner, tag, state)]
    by = sort if sort in _ORDERS else "name"
    chosen.sort(key=_ORDERS[by], reverse=down)
    return page(
        request,
        "overview_page.html",
        rows=chosen,
        total=len(every),
        owners=sorted({one.summary.latest.owner for one in every} - {""}),
        tags=sorted({name for one in every for name in one.summary.latest.tags}),
        states=STATES,
        chosen={"q": q, "owner": owner, "tag": tag, "state": state},
        sort=by,
        down=down,
        progress=catalogue.mender.progress,
    )


def _wanted(one: Standing, words: Sequence[str], owner: str, tag: str, state: str) -> bool:
    latest = one.summary.latest
    return (
        all(word in one.summary.searched for word in words)
        and owner in ("", latest.owner)
        and (not tag or tag in latest.tags)
        and (not state or state in one.states)
    )


def _failed(one: Standing) -> tuple[int, int]:
    failed = one.summary.latest.failed
    return sum(check.severity == "critical" for check in failed), len(failed)


def _judged(one: Standing) -> int:
    found = one.summary.latest.verdicts
    return -1 if found is None else sum(found.values())
