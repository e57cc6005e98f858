"""One spec over the partitions of its data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.store.clock import utc_now
from ig_tasks.store.report import TargetInfo
from ig_tasks.web.access import activity_of
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.dependencies import CatalogueOf, SpecOf
from ig_tasks.web.model_view import model_view
from ig_tasks.web.rendering import page
from ig_tasks.web.standing import standing_of, summary_of

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
    summary = catalogue.kept(spec.name, "summary", summary_of)
    assert summary is not None  # noqa: S101 - a spec that is there has reports
    unfinished = [run for run in catalogue.mender.unfinished() if run.name == spec.name]
    standing = standing_of(
        summary,
        utc_now(),
        computing={run.name for run in unfinished if run.computing},
        activity=activity_of(request, [spec.name]).get(spec.name),
    )
    names = [TargetInfo(name=one.name, space=one.space) for one in summary.shown.targets]
    chosen = next((one for one in names if one.name == target), names[0] if names else None)
    pictures = Pictures(request)
    view = model_view(spec.entries, chosen)
    lines = view.lines if runs == "all" else view.lines[:_RUNS]
    shown = page(
        request,
        "model_page.html",
        spec=spec,
        standing=standing,
        summary=summary,
        targets=names,
        target=chosen,
        view=view,
        lines=lines,
        left=len(view.lines) - len(lines),
        unfinished=unfinished,
        pictures=pictures,
        chart_figure=chart_figure,
    )
    return pictures.answer() or shown
