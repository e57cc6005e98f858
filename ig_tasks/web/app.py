"""The application: all pages, behind one guard."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.errors import IgTasksError
from ig_tasks.web.access import Access
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.page_errors import PageError, error_page, in_one_line
from ig_tasks.web.pages import ROUTERS
from ig_tasks.web.security import Guard, Headers

__all__ = ["create_app"]


def create_app(catalogue: Catalogue, access: Access) -> FastAPI:
    """The report browser, to be mounted below any path.

    Args:
        catalogue: what is in the store.
        access: who may see what.
    """
    # An address for each page, and none beside them: documentation of the interface answers nobody.
    app = FastAPI(
        title="ig-tasks", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, debug=False
    )
    app.state.catalogue = catalogue
    app.state.access = access
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(PageError, _page_error)
    app.add_exception_handler(IgTasksError, _store_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _http_error)
    # The last one added is the outermost.
    app.add_middleware(Guard, access=access)
    app.add_middleware(Headers)
    return app


async def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)  # noqa: S101 - what it is registered for
    return error_page(request, error.status, error.line, headers=error.headers)


async def _store_error(request: Request, error: Exception) -> Response:
    import logging

    assert isinstance(error, IgTasksError)  # noqa: S101
    logging.getLogger(__name__).warning("%s: %s", request.url.path, error)
    page_error = in_one_line(error)
    return error_page(request, page_error.status, page_error.line)


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    where = str(first["loc"][-1])
    return error_page(request, 400, f"{where}: {str(first['msg']).lower()}.")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    line = "There is no such page." if error.status_code == 404 else str(error.detail)
    return error_page(request, error.status_code, line, headers=error.headers)
