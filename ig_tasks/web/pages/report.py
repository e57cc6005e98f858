"""One report: all that report.html says, of one target, with features that are sorted, searched and opened."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.reports.page import page_parts
from ig_tasks.reports.page_contents import PLACE
from ig_tasks.web.charts import Pictures
from ig_tasks.web.dependencies import OpenedRun, RunOf
from ig_tasks.web.latest_cache import LatestCache
from ig_tasks.web.linking import RunLinks
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.report_choices import Choices, segments_of, statistics_of
from ig_tasks.web.report_view import FeaturesView, features_view, with_one_target

router = APIRouter()
PART = "features-part"
"""The part of the page that changes where scripts run."""
_parts: LatestCache[dict[str, Any]] = LatestCache(6)
_views: LatestCache[FeaturesView] = LatestCache(24)


@router.get("/{name}/{run_id}")
def show(
    request: Request,
    run: RunOf,
    target: Annotated[str | None, Query(max_length=300)] = None,
    segment: Annotated[str, Query(max_length=1000)] = "",
    statistic: Annotated[str, Query(max_length=40)] = "abs_mean",
    sort: Annotated[str, Query(max_length=40)] = "rank",
    search: Annotated[str, Query(max_length=300)] = "",
    part: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """The report of a run."""
    to = addresses_of(request)
    pictures = Pictures(request)
    choices = Choices.of(run.report, target, segment, statistic, sort, search, part)
    which = (*run.identity, choices.target.name)
    context: dict[str, Any] = {
        "run": run,
        "choices": choices,
        "view": _views.get((*which, *choices.query().items()), lambda: features_view(run.report, choices)),
        "links": RunLinks(to, run, target=choices.target.name if len(run.report.targets) > 1 else None),
        "pictures": pictures,
        "contents": Markup(PLACE),  # noqa: S704 - a constant
        "statistics": statistics_of(run.report, choices.segment),
        "segments": segments_of(run.report, choices.target.name),
        "address": lambda **other: _address(request, run, choices, **other),
    }
    headers = {"Vary": "HX-Request, HX-Target"}
    if request.headers.get("HX-Target") == PART:
        return page(request, "report_features.html", headers=headers, report=run.report, **context)
    parts = _parts.get(which, lambda: page_parts(with_one_target(run.report, choices.target.name)))
    response = page(request, "report_page.html", headers=headers, here="report", **parts, **context)
    return pictures.answer() or response


def _address(request: Request, run: OpenedRun, choices: Choices, **other: Any) -> str:
    """The address of another state of this page."""
    query = {"revision": run.explicit_revision, **choices.query(**other)}
    return addresses_of(request).report(run.name, run.run_id, **query)
