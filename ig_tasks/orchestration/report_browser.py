"""The report browser as a plugin of Airflow: its pages below /ig, an entry in the navigation, and tabs.

Registered by a file in Airflow's plugins folder (`plugins/ig_reports.py` of this repository), or by the package's entry
point where that file is absent: the folder is read first, and then the entry point offers nothing.

Loaded by every Airflow process, so this module stays light: the API server builds the pages when the first one is asked
for.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from ig_tasks.orchestration.links import PREFIX, browser_store

__all__ = ["LazyApp", "ReportBrowserPlugin"]

_NAME = "Feature importance"
_log = logging.getLogger(__name__)
_taken = False
"""Whether a file in the plugins folder has registered the plugin."""


class LazyApp:
    """The report browser as an ASGI application that is built by the first request.

    Where it cannot be built nobody is shown anything, and the next request tries again.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._building = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if self._app is None:
            try:
                await asyncio.to_thread(self._build)
            except Exception:  # noqa: BLE001 - whatever is wrong, no page is shown
                _log.exception("the report browser could not be built")
                await _refuse(scope, send)
                return
        await self._app(scope, receive, send)

    def _build(self) -> None:
        with self._building:
            if self._app is not None:
                return
            from ig_tasks.web.airflow_access import AirflowAccess
            from ig_tasks.web.app import create_app
            from ig_tasks.web.catalogue import Catalogue

            store = browser_store()
            access = AirflowAccess(store)
            self._app = create_app(Catalogue(store, elsewhere=access.elsewhere), access)


async def _refuse(scope: Any, send: Any) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1011})
        return
    line = b"The report browser could not be started. The API server's log says why.\n"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'self'"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": line})


def _app() -> dict[str, Any]:
    return {"app": LazyApp(), "url_prefix": PREFIX, "name": "ig-tasks report browser"}


def _views() -> list[dict[str, Any]]:
    """The entry and the tabs. Airflow takes addresses as they are: below its own path, if it has one."""
    root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX
    dag = f"{root}/-/dags/{{DAG_ID}}"
    run = f"{dag}/runs/{{RUN_ID}}"
    places = {
        "nav": (f"{root}/", "feature-importance"),
        "dag": (dag, "feature-importance-dag"),
        "dag_run": (run, "feature-importance-run"),
        "task_instance": (f"{run}/tasks/{{TASK_ID}}/{{MAP_INDEX}}", "feature-importance-task"),
    }
    icons = {"icon": f"{root}/-/static/icon.svg", "icon_dark_mode": f"{root}/-/static/icon-dark.svg"}
    return [
        {"name": _NAME, "href": href, "url_route": route, "destination": destination, **icons}
        | ({"nav_top_level": True} if destination == "nav" else {})
        for destination, (href, route) in places.items()
    ]


class ReportBrowserPlugin(AirflowPlugin):
    """The report browser in Airflow's UI."""

    name = "ig_reports"
    fastapi_apps = [_app()]  # noqa: RUF012 - Airflow's own form
    external_views = _views()


def registered_by_file() -> type[ReportBrowserPlugin]:
    """The plugin, for a file in the plugins folder; the entry point then offers nothing."""
    global _taken
    _taken = True
    return ReportBrowserPlugin


def __getattr__(name: str) -> Any:
    """`entry_point`: the plugin, unless a file has registered it; Airflow leaves out what is no plugin."""
    if name == "entry_point":
        return None if _taken else ReportBrowserPlugin
    raise AttributeError(name)
