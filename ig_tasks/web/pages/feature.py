"""One feature of a report."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.dependencies import FeatureName, RunOf
from ig_tasks.web.errors import PageError
from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/{name}/{run_id}/features/{feature}")
def show(request: Request, run: RunOf, feature: FeatureName) -> Response:
    """A feature."""
    rows = [row for row in run.report.importance if row.feature == feature]
    if not rows:
        raise PageError(404, "This report has no such feature.")
    return page(request, "feature_page.html", run=run, feature=feature, rows=rows)
