"""Who is asking, and which specs' reports they may read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from starlette.requests import HTTPConnection, Request

from ig_tasks.web.report_files import ReportPlace

__all__ = [
    "USER",
    "Access",
    "Activity",
    "KnowsActivity",
    "KnowsDags",
    "KnowsRuns",
    "RefusedError",
    "User",
    "activity_of",
]

USER = "ig_tasks_user"
"""The key of who is asking in a request's state; of our own, since Airflow keeps its user there too."""


@dataclass(frozen=True)
class User:
    """Somebody who is logged in.

    Attributes:
        name: for people.
        identity: what the implementation of `Access` knows them by.
    """

    name: str
    identity: Any = None


class RefusedError(Exception):
    """Nobody is logged in, or what is asked cannot be checked.

    Args:
        status: 401 where logging in helps, else 403.
        line: one line for people.
        login: address of the login page, if there is one.
    """

    def __init__(self, status: int, line: str, login: str = "") -> None:
        super().__init__(status, line, login)
        self.status, self.line, self.login = status, line, login


class Access(Protocol):
    """What the browser asks whoever runs it. Every request is asked `user_of` before anything else is looked at."""

    async def user_of(self, connection: HTTPConnection) -> User:
        """Who is asking.

        Raises:
            RefusedError: if nobody is logged in. Any other exception refuses the request too.
        """
        ...

    def readable(self, user: User, names: Collection[str]) -> set[str]:
        """Those of the specs' keys whose reports this user may read. Called in a worker thread."""
        ...

    def outside(self, connection: HTTPConnection) -> str:
        """Scheme and host by which people reach this server, such as `https://airflow.example`; without a path."""
        ...


Activity = Literal["running", "paused"]
"""What whoever runs the specs knows of one."""


@runtime_checkable
class KnowsActivity(Protocol):
    """An `Access` that also knows what is going on, as Airflow does."""

    def activity(self, names: Collection[str]) -> Mapping[str, Activity]:
        """{spec: whether a run of it is under way, or none will be}; those of which neither holds are left out."""
        ...


def activity_of(request: Request, names: Collection[str]) -> Mapping[str, Activity]:
    """What is going on with specs, where that is known."""
    access = request.app.state.access
    return access.activity(names) if isinstance(access, KnowsActivity) else {}


@runtime_checkable
class KnowsDags(Protocol):
    """An `Access` that also knows which DAG makes the reports of which specs, as Airflow does."""

    def specs_of(self, dag_id: str) -> list[str]:
        """The keys of the specs whose reports a DAG makes; whoever shows them asks `readable` first."""
        ...


@runtime_checkable
class KnowsRuns(Protocol):
    """An `Access` that also knows what runs of DAGs and their tasks wrote, as Airflow does."""

    def places(
        self, user: User, dag_id: str, run_id: str, task_id: str | None = None, map_index: int | None = None
    ) -> list[ReportPlace]:
        """The reports that a run, or one of its tasks, wrote or withheld; none if this user may not read its DAG."""
        ...
