"""The browser without Airflow: for whoever has the address that the command printed, on this machine alone.

The address holds a token that works once: it becomes a cookie that pages' scripts cannot read and that other sites'
pages do not send. Requests for another host are refused, so that no foreign page reaches this server under a name of
its own that points here (DNS rebinding).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ig_tasks.web.access import RefusedError, User
from ig_tasks.web.security import Headers

__all__ = ["HOST", "PREFIX", "TokenAccess", "served"]

HOST = "127.0.0.1"
PREFIX = "/ig"
_TOKEN = "token"  # noqa: S105 - the name of a parameter
_LINE = "Open the address that `ig-tasks serve` printed; it works once, so start it again for another browser."


class TokenAccess:
    """Everything may be read by whoever has the cookie.

    Args:
        port: that the server listens on.
    """

    def __init__(self, port: int) -> None:
        self._hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        self._cookie = f"ig_tasks_{port}"  # cookies know no ports
        self._key = secrets.token_urlsafe(32)
        self._token: str | None = secrets.token_urlsafe(32)
        self.address = f"http://{HOST}:{port}{PREFIX}/?{_TOKEN}={self._token}"
        """What is printed, and opens the browser once."""

    async def user_of(self, connection: HTTPConnection) -> User:
        """Whoever has the cookie."""
        self.require_host(connection)
        if not secrets.compare_digest(connection.cookies.get(self._cookie, "").encode(), self._key.encode()):
            raise RefusedError(401, _LINE)
        return User("")

    def readable(self, user: User, names: Collection[str]) -> set[str]:  # noqa: ARG002 - there is one user
        """All of them."""
        return set(names)

    def outside(self, connection: HTTPConnection) -> str:
        """This server, by the name that it was asked by."""
        return f"http://{connection.headers['host']}"

    def require_host(self, connection: HTTPConnection) -> None:
        """Refuse a request for another host.

        Raises:
            RefusedError: if the request names one, or none.
        """
        if connection.headers.get("host", "").lower() not in self._hosts:
            raise RefusedError(403, "This server answers requests for 127.0.0.1 alone.")

    def exchange(self, request: Request) -> Response | None:
        """For the token of the printed address the cookie, and that address without it; None for other requests."""
        token = request.query_params.get(_TOKEN)
        if token is None or self._token is None or not secrets.compare_digest(token.encode(), self._token.encode()):
            return None
        self._token = None
        rest = urlencode([(key, value) for key, value in parse_qsl(request.url.query) if key != _TOKEN])
        answer = RedirectResponse(f"{request.url.path}{f'?{rest}' if rest else ''}", status_code=303)
        cookie: SimpleCookie = SimpleCookie({self._cookie: self._key})
        cookie[self._cookie] |= {"path": "/", "httponly": True, "samesite": "Strict"}
        answer.headers.append("Set-Cookie", cookie[self._cookie].OutputString())
        return answer


class _Door:
    """Below the prefix the browser; everywhere else nothing but the way there."""

    def __init__(self, app: ASGIApp, access: TokenAccess) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            request = Request(scope)
            answer = await self._answer_at_door(request)
            if answer is not None:
                await answer(scope, receive, send)
                return
            scope = {**scope, "root_path": PREFIX}
        await self._app(scope, receive, send)

    async def _answer_at_door(self, request: Request) -> Response | None:
        try:
            self._access.require_host(request)
            if request.method == "GET" and (exchanged := self._access.exchange(request)) is not None:
                return exchanged
            if request.url.path.startswith(f"{PREFIX}/"):
                return None
            await self._access.user_of(request)
        except RefusedError as refused:
            return Response(f"{refused.line}\n", status_code=refused.status, media_type="text/plain")
        return RedirectResponse(f"{PREFIX}/", status_code=303)


def served(app: ASGIApp, access: TokenAccess) -> ASGIApp:
    """The browser below `/ig`, for whoever has the printed address."""
    return Headers(_Door(app, access))
