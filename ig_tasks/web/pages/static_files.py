"""The files that pages load."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.web.page_errors import PageError
from ig_tasks.web.static_content import static_file

router = APIRouter()


@router.get("/-/static/{file:path}")
def show(request: Request, file: str) -> Response:
    """A file of the package, for those who are logged in."""
    found = static_file(file)
    if found is None:
        raise PageError(404, "There is no such file.")
    kept = "private, max-age=31536000, immutable" if request.query_params.get("v") == found.stamp else "no-cache"
    return Response(found.content, media_type=found.kind, headers={"Cache-Control": kept})
