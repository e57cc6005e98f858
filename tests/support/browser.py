"""People for tests of the report browser."""

from __future__ import annotations

from collections.abc import Collection

from starlette.requests import HTTPConnection

from ig_tasks.web.access import RefusedError, User


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
