"""The button `Report` on the tasks that write one, in Airflow's task view."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

__all__ = ["STORE_URL_VARIABLE", "ReportLink", "page_address"]

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
    """Where a browser finds a page of the store: below $IG_TASKS_STORE_URL, else its own URI if that is http(s).

    >>> page_address("https://reports.example/runs/loans/all-0/report.html", "https://reports.example/runs")
    'https://reports.example/runs/loans/all-0/report.html'
    """
    served, within = os.environ.get(STORE_URL_VARIABLE), f"{store_uri.rstrip('/')}/"
    if served and page_uri.startswith(within):
        return f"{served.rstrip('/')}/{quote(page_uri.removeprefix(within))}"
    return page_uri if page_uri.startswith(("http://", "https://")) else None


def _results_of(ti: Any) -> str:
    """The task's results within Airflow, where the page's URI stands.

    Airflow's pages take addresses of the web and their own, and leave out those of files and object stores.
    """
    parts = urlsplit(str(getattr(ti, "log_url", "")))
    return f"{parts.path}/xcom" if parts.path.strip("/") else ""
