"""The process that draws a page's charts and may die of it: run by `page_drawing`, imported by nobody."""

from __future__ import annotations

import contextlib

from ig_tasks.charts.chart import warm_up
from ig_tasks.expendable import serve
from ig_tasks.reports.page import render_page
from ig_tasks.store.report import Report

if __name__ == "__main__":
    # What is wrong with the chart library is said by the page that needs it.
    with contextlib.suppress(Exception):
        warm_up()
    serve(lambda document: render_page(Report.from_json(document), document))
