"""What stands before every page: who is asking, headers on every response, and no stack trace that leaves.

Plain ASGI around the whole application, so that a route, a mount or an address without a route cannot be forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ig_tasks.web.access import USER, Access, RefusedError
from ig_tasks.web.page_errors import error_page

__all__ = ["CONTENT_SECURITY_POLICY", "Guard", "Headers"]

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",  # widths in charts' SVG; no style element, no script
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_METHODS = ("GET", "HEAD")
_LETTERS = 16_384
"""Letters of an address: pages repeat its query in their links, so that a long one makes a page of megabytes."""
_log = logging.getLogger(__name__)


class Headers:
    """Adds the headers of security to every response; what breaks becomes a page of one line."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            _log.exception("the report browser: %s %r broke", scope["method"], scope["path"])
            if begun:
                raise
            page = error_page(Request(scope), 500, "This page broke. The server's log says why.")
            await page(scope, receive, with_headers)


class Guard:
    """Lets requests pass of people who are logged in, and refuses all others; also what cannot be checked."""

    def __init__(self, app: ASGIApp, access: Access, methods: Iterable[str] = _METHODS) -> None:
        self.app, self.access, self.methods = app, access, frozenset(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)
        try:
            user = await self.access.user_of(request)
        except RefusedError as refused:
            await error_page(request, refused.status, refused.line, login=refused.login)(scope, receive, send)
            return
        except Exception:  # noqa: BLE001 - what cannot be checked is refused, whatever went wrong
            _log.exception("the report browser: who is asking could not be checked")
            line = "Who you are could not be checked, so nothing is shown."
            await error_page(request, 403, line)(scope, receive, send)
            return
        if scope["method"] not in self.methods:
            line = "This browser only reads: pages are asked for by GET."
            await error_page(request, 405, line, headers={"Allow": ", ".join(_METHODS)})(scope, receive, send)
            return
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > _LETTERS:
            line = f"This address is longer than {_LETTERS:,} letters."
            await error_page(Request({**scope, "query_string": b""}), 414, line)(scope, receive, send)
            return
        scope.setdefault("state", {})[USER] = user
        # Answered as a GET is: the server itself leaves out what a HEAD does not ask for.
        await self.app({**scope, "method": "GET"}, receive, send)
