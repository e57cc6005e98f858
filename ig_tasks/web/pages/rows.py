"""The rows of a report."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.dependencies import RunOf
from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/{name}/{run_id}/rows")
def show(request: Request, run: RunOf) -> Response:
    """Rows."""
    return page(request, "rows_page.html", run=run)
