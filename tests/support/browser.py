"""People for tests of the report browser, and a server for those in Chromium."""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.requests import HTTPConnection

from ig_tasks.web.access import Access, RefusedError, User
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue


class HeaderAccess:
    """Who a request says it is, by the header `who`: `all` reads everything, others what lies under their name."""

    def __init__(self, **rights: Collection[str]) -> None:
        self.rights = rights

    async def user_of(self, connection: HTTPConnection) -> User:
        who = connection.headers.get("who")
        if who is None:
            raise RefusedError(401, "Log in to read reports.", login="/auth/login")
        if who == "broken":
            raise RuntimeError("secret of the database")
        return User(who)

    def readable(self, user: User, names: Collection[str]) -> set[str]:
        return set(names) if user.name == "all" else set(names) & set(self.rights.get(user.name, ()))

    def outside(self, connection: HTTPConnection) -> str:
        return "https://airflow.example"


class Everybody:
    """Everybody is somebody of this name, and reads all."""

    def __init__(self, name: str = "ana") -> None:
        self.name = name

    async def user_of(self, connection: HTTPConnection) -> User:
        return User(self.name)

    def readable(self, user: User, names: Collection[str]) -> set[str]:
        return set(names)

    def outside(self, connection: HTTPConnection) -> str:
        return f"http://{connection.headers['host']}"


@contextmanager
def serving(store: str, access: Access) -> Iterator[str]:
    """The address of the browser over a store, in a thread of this process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(
        uvicorn.Config(create_app(Catalogue(store), access), host="127.0.0.1", port=port, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
