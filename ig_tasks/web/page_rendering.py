"""Pages from templates: all is escaped, hidden characters are seen, addresses begin where the browser is mounted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from ig_tasks.reports import page_environment
from ig_tasks.web.access import USER
from ig_tasks.web.addresses import Addresses
from ig_tasks.web.static_content import stamped
from ig_tasks.web.template_functions import FILTERS, GLOBALS

__all__ = ["DOWNLOADS", "addresses_of", "environment", "outside_of", "page", "piece"]

DOWNLOADS = {
    "report.html": "Report as one page (HTML)",
    "report.pdf": "Report on paper (PDF)",
    "report.json": "Report as data (JSON)",
    "importance.csv": "Importance as a table (CSV)",
}
"""Files of a report that its pages offer; those of rows are offered by the rows page, with its filter."""
_TEMPLATES = Path(__file__).parent / "templates"


def addresses_of(request: Request) -> Addresses:
    """The addresses of pages, as a path from the host on."""
    return Addresses(request.scope.get("root_path", ""))


def outside_of(request: Request) -> str:
    """The whole address of the page that is asked for, to be sent to a colleague; it works outside a frame."""
    access = getattr(request.app.state, "access", None) if "app" in request.scope else None
    base = access.outside(request) if access is not None else f"{request.url.scheme}://{request.url.netloc}"
    # The path as it was asked for: decoded and encoded again, a name would be another.
    raw_path = request.scope.get("raw_path") or request.url.path.encode()
    root = request.scope.get("root_path", "")
    path = raw_path.decode("ascii", "replace")
    if not path.startswith(root):  # a proxy that takes its prefix away
        path = root.rsplit("/", 1)[0] + path
    query = request.url.query
    return f"{base.rstrip('/')}{path}{f'?{query}' if query else ''}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja's environment: that of the file report, with its filters and templates, and the templates of this room."""
    files = page_environment.environment()
    assert files.loader is not None  # noqa: S101 - it has one
    overlay = files.overlay(loader=ChoiceLoader([FileSystemLoader(_TEMPLATES), files.loader]))
    assert isinstance(overlay, Environment)  # noqa: S101 - for the type checker
    # An overlay shares its parent's: what is replaced here must not be replaced there.
    overlay.filters = {**files.filters, **FILTERS}
    overlay.globals = {**files.globals, **GLOBALS, "downloads": DOWNLOADS.items}
    return overlay


def page(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
) -> HTMLResponse:
    """A page.

    Templates extend `base.html`, and find beside `context`: `to` (Addresses), `static` (a function that gives the
    address of a file below static/), `user`, `outside` (the whole address of this page) and `query` (its parameters).
    """
    text = _rendered(request, template, context)
    return HTMLResponse(text, status_code=status, headers=dict(headers or {}))


def piece(request: Request, template: str, **context: Any) -> Markup:
    """A part of a page, to be kept where making it takes long; its template finds what those of pages find."""
    return Markup(_rendered(request, template, context))  # noqa: S704 - a template's text is escaped


def _rendered(request: Request, template: str, context: Mapping[str, Any]) -> str:
    to = addresses_of(request)
    return (
        environment()
        .get_template(template)
        .render(
            **context,
            to=to,
            static=lambda name: to.static(stamped(name)),
            user=request.scope.get("state", {}).get(USER),
            outside=outside_of(request),
            query=request.query_params,
        )
    )
