"""One spec over the partitions of its data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.store.clock import utc_now
from ig_tasks.store.report import TargetInfo
from ig_tasks.web.access import activity_of
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.dependencies import CatalogueOf, SpecOf
from ig_tasks.web.model_standing import standing_of, summary_of
from ig_tasks.web.model_view import model_view, run_lines
from ig_tasks.web.page_rendering import page, piece
from ig_tasks.web.spec_places import name_of

router = APIRouter()

_RUNS = 60


@router.get("/{name}")
def show(
    request: Request,
    catalogue: CatalogueOf,
    spec: SpecOf,
    target: Annotated[str | None, Query(max_length=500)] = None,
    runs: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """The timeline of a spec, for one target, and its runs."""
    summary = catalogue.derived(spec.name, "summary", summary_of)
    assert summary is not None  # noqa: S101 - a spec that is there has reports
    unfinished = [run for run in catalogue.unfinished() if run.name == spec.name]
    standing = standing_of(
        summary,
        utc_now(),
        computing={run.name for run in unfinished if run.computing},
        activity=activity_of(request, [spec.name]).get(spec.name),
    )
    names = [TargetInfo(name=indexed.name, space=indexed.space) for indexed in summary.current.targets]
    chosen = next((info for info in names if info.name == target), names[0] if names else None)
    pictures = Pictures(request)
    lines = run_lines(spec.entries)

    def charts() -> Markup:
        view = model_view(spec.entries, chosen)
        return piece(request, "model_charts.html", spec=spec, view=view, pictures=pictures, chart_figure=chart_figure)

    if pictures.wanted:
        charts()
        return pictures.answer() or Response(status_code=404)
    # Addresses of pictures are made of the query, and all others of the place where the browser is mounted.
    key = (spec.name, request.scope.get("root_path", ""), request.url.query)
    return page(
        request,
        "model_page.html",
        spec=spec,
        standing=standing,
        summary=summary,
        targets=names,
        target=chosen,
        charts=catalogue.drawn.get(key, charts, stamp=catalogue.stamp(spec.name)),
        lines=lines if runs == "all" else lines[:_RUNS],
        left=0 if runs == "all" else len(lines) - _RUNS,
        unfinished=unfinished,
        elsewhere="" if name_of(spec.name) == spec.name else catalogue.place_of(spec.name).store,
    )
