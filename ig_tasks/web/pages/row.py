"""One row of a report: what moved its output, how that is proven, and how to compute it again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.reports.row_waterfall import waterfall_steps
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.dependencies import OpenedRun, RowId, RunOf
from ig_tasks.web.page_errors import PageError
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.queries import ATTRIBUTION, INPUT, RunRows
from ig_tasks.web.row_view import RowView, again, quarantine_reason, row_view
from ig_tasks.web.row_words import leading_features

router = APIRouter()

_NEIGHBOURS, _FEATURES = 3, 3


@router.get("/{name}/{run_id}/rows/{row_id}")
def show(
    request: Request, run: RunOf, row_id: RowId, target: Annotated[str | None, Query(max_length=200)] = None
) -> Response:
    """A row, for one of its targets."""
    stored = StoredRun(run.folder)
    rows = RunRows.of(stored)
    targets = [known.name for known in run.report.targets]
    first = targets[0] if targets else None
    row = rows.row(row_id, target if target is not None else first)
    if row is None:
        why = quarantine_reason(stored, row_id)
        line = "There is no such row in this report." if why is None else f"This row could not be explained: {why}."
        raise PageError(404, line)
    view = row_view(run, stored, row)
    pictures = Pictures(request)
    chart = chart_figure(view.explanation.chart, pictures, links=_links(request, run, view), table=False)
    leading = leading_features(run.report, view.example.target, rows.columns, _FEATURES)
    columns = ["row_id", "target", "output", "status"]
    columns += [
        name for feature in leading for name in (ATTRIBUTION + feature, INPUT + feature) if name in rows.columns
    ]
    neighbours = () if pictures.wanted else rows.neighbours(row, _NEIGHBOURS, columns)
    response = page(
        request,
        "row_page.html",
        run=run,
        here="rows",
        view=view,
        chart=chart,
        row=row,
        targets=rows.targets_of(row_id) if len(targets) > 1 and not pictures.wanted else targets[:1],
        neighbours=neighbours,
        leading=leading,
        again=escape(again(run, row_id)),  # code is shown to be copied: its escapes are Python's own
        pictures=pictures,
    )
    return pictures.answer() or response


def _links(request: Request, run: OpenedRun, view: RowView) -> dict[str, str]:
    """{words of a bar: address of its feature}; what several features share leads nowhere."""
    to = addresses_of(request)
    parts = sorted(view.example.contributions, key=lambda part: -abs(part.attribution or 0.0))
    labels = {part.feature: run.report.label(part.feature) for part in parts}
    words = [row["step"] for row in view.explanation.chart.table]
    drawn = len(waterfall_steps(view.example, labels))
    own_bars = parts if len(parts) <= drawn else parts[: drawn - 1]
    target = view.example.target if len(run.report.targets) > 1 else None
    return {
        word: to.feature(run.name, run.run_id, part.feature, target=target, revision=run.explicit_revision)
        for word, part in zip(words, own_bars, strict=False)
    }
