"""The button `Report` on the tasks that write one, in Airflow's task view."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.configuration import conf
from airflow.sdk import BaseOperatorLink

from ig_tasks.spec.specification import STORE_VARIABLE
from ig_tasks.spec.uris import environment_uri
from ig_tasks.web.addresses import Addresses
from ig_tasks.web.report_files import place_of
from ig_tasks.web.spec_places import SpecPlace, spec_key

__all__ = ["PREFIX", "STORE_URL_VARIABLE", "ReportLink", "browser_address", "browser_store", "page_address"]

PREFIX = "/ig"
"""Where the report browser lies below Airflow's own address."""
STORE_URL_VARIABLE = "IG_TASKS_STORE_URL"


class ReportLink(BaseOperatorLink):
    """To the page of the report that a task wrote, or withheld.

    The task finds out the address and Airflow keeps it with the task's results, so the API server needs nothing of this
    package. A task that got no further than to a mistake has no report, and its button does nothing.
    """

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address of the page; empty if the task has written none.

        Args:
            operator: the task that ran.
            ti_key: its instance.
        """
        page_uri: str | None = getattr(operator, "page_uri", None)
        if not page_uri:
            return ""
        return page_address(page_uri, getattr(operator, "store_uri", "")) or _results_of(ti_key)


def page_address(page_uri: str, store_uri: str) -> str | None:
    """Where people find a page of the store.

    Below $IG_TASKS_STORE_URL, else in this Airflow's report browser, else at its own URI if that is http(s).

    >>> page_address("https://reports.example/runs/loans/all-0/report.html", "https://reports.example/runs")
    'https://reports.example/runs/loans/all-0/report.html'
    """
    served, within = os.environ.get(STORE_URL_VARIABLE), f"{store_uri.rstrip('/')}/"
    if served and page_uri.startswith(within):
        return f"{served.rstrip('/')}/{quote(page_uri.removeprefix(within))}"
    if (address := browser_address(page_uri, store_uri)) is not None:
        return address
    return page_uri if page_uri.startswith(("http://", "https://")) else None


def browser_store() -> str:
    """The store that this Airflow's report browser shows: $IG_TASKS_STORE, else ig_runs beside the DAGs' folder.

    Raises:
        SpecError: if the variable holds a secret.
    """
    chosen = environment_uri(STORE_VARIABLE)
    if chosen:
        return chosen if "://" in chosen else str(Path(chosen).absolute())
    return str(Path(conf.get("core", "dags_folder")).absolute().parent / "ig_runs")


def browser_address(page_uri: str, store_uri: str) -> str | None:
    """The whole address of a report in this Airflow's report browser; None if that has no address, or needs none."""
    place = place_of(page_uri, store_uri)
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    if place is None or not base:
        return None
    key = spec_key(SpecPlace(place.name, store_uri), browser_store())
    if key != place.name and page_uri.startswith(("http://", "https://")):  # people read it where it lies
        return None
    return f"{base}{Addresses(PREFIX).report(key, place.run_id, revision=place.revision)}"


def _results_of(ti: Any) -> str:
    """The task's results within Airflow, where the page's URI stands.

    Airflow's pages take addresses of the web and their own, and leave out those of files and object stores.
    """
    parts = urlsplit(str(getattr(ti, "log_url", "")))
    return f"{parts.path}/xcom" if parts.path.strip("/") else ""
