"""What templates of the file report call that is another thing in the browser: names are links, charts are Vega's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from ig_tasks.charts import Chart
from ig_tasks.presentation.visible import visible
from ig_tasks.reports.page_contents import with_contents
from ig_tasks.web.charts import chart_place
from ig_tasks.web.spec_places import name_of

__all__ = ["FILTERS", "GLOBALS"]


def _link(address: str | None, words: Any) -> Any:
    return words if address is None else Markup('<a href="{}">{}</a>').format(address, visible(str(words)))


@pass_context
def _linked(context: Context, name: str, label: str) -> Any:
    links = context.get("links")
    return _link(links.feature(name) if links else None, label)


@pass_context
def _level_linked(context: Context, column: str, level: str) -> Any:
    links = context.get("links")
    return _link(links.level(column, level) if links else None, level)


@pass_context
def _row_linked(context: Context, row_id: str) -> Any:
    links = context.get("links")
    return _link(links.row(row_id) if links else None, row_id)


@pass_context
def _run_linked(context: Context, compared: Any) -> Any:
    links = context.get("links")
    return _link(links.other_run(compared.name, compared.run_id) if links else None, compared.run_id)


@pass_context
def _browser_chart(context: Context, chart: Chart) -> Markup:
    """A chart of a shared template: the browser's, whose labels lead to the pages of what they name."""
    links = context.get("links")
    return chart_place(chart, context["pictures"], links.of(chart) if links else None)


def _with_contents(page: Markup) -> Markup:
    return Markup(with_contents(str(page)))  # noqa: S704 - what is added are headings, escaped already


FILTERS: Mapping[str, Any] = {"drawn": _browser_chart, "with_contents": _with_contents, "spec_name": name_of}
GLOBALS: Mapping[str, Any] = {
    "linked": _linked,
    "level_linked": _level_linked,
    "row_linked": _row_linked,
    "run_linked": _run_linked,
}
"""What takes the place of the file report's filters and functions of these names."""
