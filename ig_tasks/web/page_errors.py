"""What a person reads instead of a page: one line, in the frame of every page, and never a stack trace."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.errors import DamagedError, IgTasksError, QueryError, ReportError
from ig_tasks.web.refusals import BusyError, PageError

__all__ = ["BusyError", "PageError", "error_page", "in_one_line"]


def error_page(
    request: Request, status: int, line: str, *, login: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The page of an error; it names nothing that the asking person may not see."""
    from ig_tasks.web.page_rendering import page

    words = HTTPStatus(status).phrase
    return page(request, "error_page.html", status=status, headers=headers, line=line, words=words, login=login)


def in_one_line(error: IgTasksError) -> PageError:
    """What a mistake in the store is to somebody who reads a page; where the file lies is in the server's log."""
    if isinstance(error, DamagedError):
        return PageError(409, "A file of this report is not what was written. Run its DAG again to have it made anew.")
    if isinstance(error, ReportError) and "schema_version" in str(error):
        return PageError(409, "This report was written by a later version of ig-tasks. Upgrade the server to read it.")
    if isinstance(error, ReportError):
        return PageError(404, "There is no such report any more. Its run may have been removed a moment ago.")
    # Other mistakes are of whoever runs the server, and name its places.
    if isinstance(error, QueryError):
        return PageError(400, str(error))
    return PageError(503, "The store cannot be read at the moment. Try again, or ask whoever runs this server.")
