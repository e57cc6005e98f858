"""One row of a report."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.dependencies import RowId, RunOf
from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/{name}/{run_id}/rows/{row_id}")
def show(request: Request, run: RunOf, row_id: RowId) -> Response:
    """A row."""
    return page(request, "row_page.html", run=run, row_id=row_id)
