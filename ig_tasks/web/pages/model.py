"""One spec: its reports over the partitions."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.dependencies import SpecOf
from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/{name}")
def show(request: Request, spec: SpecOf) -> Response:
    """The reports of a spec."""
    return page(request, "model_page.html", spec=spec)
