"""The overview: every spec whose reports this user may read."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.dependencies import CatalogueOf, readable_names
from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/")
def show(request: Request, catalogue: CatalogueOf) -> Response:
    """All specs."""
    specs = [(name, catalogue.entries(name)) for name in readable_names(request)]
    return page(request, "overview_page.html", specs=specs)
