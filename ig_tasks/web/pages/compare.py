"""Two reports side by side."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.rendering import page

router = APIRouter()


@router.get("/-/compare")
def show(request: Request) -> Response:
    """Two reports."""
    return page(request, "compare_page.html")
