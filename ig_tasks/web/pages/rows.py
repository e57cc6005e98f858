"""The rows of a report: a filter over their attributions, sorted, page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.errors import QueryError
from ig_tasks.presentation.units import units
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.conditions import NUMBERS, OPERATORS, TEXTS, Condition, Order
from ig_tasks.web.dependencies import OpenedRun, RunOf
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.queries import ATTRIBUTION, INPUT, SEGMENT, Page, RunRows
from ig_tasks.web.query_engine import LIMITS
from ig_tasks.web.query_statistics import levels
from ig_tasks.web.row_filter import RowFilter
from ig_tasks.web.row_words import STATUSES, capital, column_groups, column_label, leading_features

router = APIRouter()

_SHOWN, _LEVELS, _ASKED = 4, 60, 3
"""Features in the table, levels that a field suggests, fields whose levels are asked for."""
_HEADER = 2000
"""Letters of an address that proxies let pass in a header."""
SIZES = (25, 50, 100, 200)


@router.get("/{name}/{run_id}/rows")
def show(
    request: Request,
    run: RunOf,
    rows: Annotated[int, Query(ge=1, le=LIMITS.page)] = 50,
    offset: Annotated[int, Query(ge=0, le=LIMITS.offset)] = 0,
) -> Response:
    """Rows that a filter keeps; a mistake in the filter is said above the form, which stays as it was."""
    stored = RunRows.of(StoredRun(run.folder))
    targets = [target.name for target in run.report.targets]
    row_filter = RowFilter.of(request.query_params, stored.columns, targets[0] if targets else "")
    features = _features(run, row_filter, stored)
    others = _other_columns(row_filter, stored)
    columns = ["row_id", "target", "output", "status", *others]
    columns += [name for feature in features for name in (ATTRIBUTION + feature, INPUT + feature)]
    matches, mistake = Page((), 0, offset), ""
    try:
        present = [name for name in columns if name in stored.columns]
        matches = stored.page(row_filter.conditions, row_filter.order, columns=present, number=rows, offset=offset)
    except QueryError as error:
        mistake = str(error)
    chosen = [condition.column for condition in row_filter.typed] + [row_filter.order.column]
    to = addresses_of(request)

    def address(**changes: Any) -> str:
        size = changes.pop("rows", rows)
        changes = {"rows": None if size == 50 else size, "revision": run.explicit_revision, **changes}
        return to.rows(run.name, run.run_id, **row_filter.query(**changes))

    # What was left empty in the form is not part of the address that a colleague is sent.
    here = address(offset=offset or None)
    headers = {"HX-Push-Url": here} if "HX-Request" in request.headers and len(here) < _HEADER else {}
    return page(
        request,
        "rows_page.html",
        status=400 if mistake else 200,
        headers=headers,
        run=run,
        here="rows",
        row_filter=row_filter,
        matches=matches,
        mistake=mistake,
        features=features,
        others=others,
        address=address,
        number=rows,
        sizes=SIZES,
        targets=targets,
        groups=column_groups(run.report, stored.columns, row_filter.target, chosen),
        operators=_operators(stored, row_filter),
        unknown={"Number": NUMBERS, "Text": TEXTS},
        suggestions=_suggestions(run, stored, row_filter),
        label=lambda name: column_label(run.report, name),
        sorted_by=lambda name, by_size=False: _sorted_by(row_filter.order, name, by_size),
        download=lambda file: to.download(
            run.name, run.run_id, file, **row_filter.query(revision=run.explicit_revision)
        ),
        limits=stored.limits,
        units=_units(run, row_filter.target),
        capital=capital,
    )


def _units(run: OpenedRun, target: str) -> str:
    return next((units(known.space) for known in run.report.targets if known.name == target), "the model's output")


def _features(run: OpenedRun, row_filter: RowFilter, stored: RunRows) -> list[str]:
    """The features of the table: those that are asked for, then the most important ones."""
    named = [
        name
        for name in (row_filter.order.column, *(condition.column for condition in row_filter.typed))
        if name in stored.columns
    ]
    wanted = [name.removeprefix(prefix) for name in named for prefix in (ATTRIBUTION, INPUT) if name.startswith(prefix)]
    wanted = [feature for feature in dict.fromkeys(wanted) if ATTRIBUTION + feature in stored.columns]
    leading = leading_features(run.report, row_filter.target, stored.columns, _SHOWN + len(wanted))
    return list(dict.fromkeys([*wanted, *leading]))[: max(_SHOWN, len(wanted))]


def _other_columns(row_filter: RowFilter, stored: RunRows) -> list[str]:
    """Other columns that are asked for, and the outcome where there is one."""
    named = [row_filter.order.column, *(condition.column for condition in row_filter.typed), "label"]
    always = ("row_id", "target", "output", "status")
    return [
        name
        for name in dict.fromkeys(named)
        if name in stored.columns and name not in always and not name.startswith((ATTRIBUTION, INPUT))
    ]


def _operators(stored: RunRows, row_filter: RowFilter) -> list[dict[str, str]]:
    """The comparisons that each condition's column knows."""
    return [
        dict(OPERATORS[stored.columns.of(condition.column).kind])
        if condition.column in stored.columns
        else {**NUMBERS, **TEXTS}
        for condition in row_filter.typed
    ]


def _suggestions(run: OpenedRun, stored: RunRows, row_filter: RowFilter) -> list[tuple[str, ...]]:
    """Texts that each condition's field suggests; the report knows most of them, a few are asked of the rows."""
    suggestions: list[tuple[str, ...]] = []
    left = _ASKED
    for condition in row_filter.typed:
        known = _known_levels(run, condition)
        if (
            known is None
            and left
            and condition.column in stored.columns
            and stored.columns.of(condition.column).kind == "text"
        ):
            left -= 1
            known = tuple(text for text, _ in levels(stored, condition.column, _LEVELS))
        suggestions.append(known or ())
    return suggestions


def _known_levels(run: OpenedRun, condition: Condition) -> tuple[str, ...] | None:
    if condition.column == "status":
        return STATUSES
    if condition.column in ("row_id", "cluster"):  # as many as rows
        return ()
    if condition.column.startswith(SEGMENT):
        column = condition.column.removeprefix(SEGMENT)
        segment_levels = {row.segment_level: None for row in run.report.segments if row.segment_column == column}
        return tuple(str(level) for level in segment_levels if level) or None
    return None


def _sorted_by(order: Order, name: str, by_size: bool) -> Order:
    """What a click on a column's head sorts by: the greatest first, and the other way round at the next click."""
    same = (order.column, order.by_size) == (name, by_size)
    return Order(name, descending=not (same and order.descending), by_size=by_size)
