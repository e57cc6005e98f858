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
    static = static_file(file)
    if static is None:
        raise PageError(404, "There is no such file.")
    cache_control = (
        "private, max-age=31536000, immutable" if request.query_params.get("v") == static.stamp else "no-cache"
    )
    return Response(static.content, media_type=static.kind, headers={"Cache-Control": cache_control})
