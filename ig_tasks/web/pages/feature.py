"""One feature of a report: what it does by its value, by segment and over time, and the rows in which it does most."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.errors import QueryError
from ig_tasks.reports.dependence_view import dependence_views
from ig_tasks.store.report import Report
from ig_tasks.store.report_units import units_in
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.dependencies import FeatureName, OpenedRun, RunOf
from ig_tasks.web.feature_rows import FeatureRows, feature_rows
from ig_tasks.web.feature_view import FeatureChoice, Neighbours, feature_info, over_time, segment_views
from ig_tasks.web.latest_cache import LatestCache
from ig_tasks.web.linking import RunLinks
from ig_tasks.web.page_errors import BusyError, PageError
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.queries import ATTRIBUTION, INPUT, SEGMENT, RunRows
from ig_tasks.web.report_choices import segments_of

router = APIRouter()
_rows: LatestCache[FeatureRows] = LatestCache(24)


@router.get("/{name}/{run_id}/features/{feature}")
def show(
    request: Request,
    run: RunOf,
    feature: FeatureName,
    target: Annotated[str | None, Query(max_length=300)] = None,
    segment: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """A feature."""
    report, to = run.report, addresses_of(request)
    choice = _choice(report, feature, target, segment)
    label = report.label(feature)
    pictures = Pictures(request)
    several = len(report.targets) > 1
    target_name = choice.target.name if several else None

    def address(**query: Any) -> str:
        query = {"revision": run.explicit_revision, "target": target_name, "segment": segment or None, **query}
        return to.feature(run.name, run.run_id, query.pop("feature", feature), **query)

    rows = _rows_or_reason(run, choice, label)
    time = over_time(run.spec.entries, choice, label)
    response = page(
        request,
        "feature_page.html",
        run=run,
        report=report,
        choice=choice,
        info=feature_info(report, feature),
        label=label,
        pictures=pictures,
        links=RunLinks(to, run, target=target_name),
        address=address,
        neighbours=Neighbours.of(report, choice.target.name, feature),
        rows=rows,
        in_report=next(
            (
                view
                for view in dependence_views(_with_own_dependence(report, choice))
                if not segment and rows.dependence is None
            ),
            None,
        ),
        segments=segments_of(report, choice.target.name),
        by_segment=segment_views(report, choice),
        time=time,
        time_links=_time_links(request, run, choice, time.runs if time else {}),
        attribution=ATTRIBUTION + feature,
        value=INPUT + feature,
        figure_of=lambda chart, caption, links=None, title="": chart_figure(
            chart, pictures, links=links, caption=caption, title=title
        ),
        segment_links=lambda view: {label: address(segment=level) for label, level in view.levels.items()},
        rows_address=lambda **query: _rows_address(request, run, choice, **query),
    )
    return pictures.answer() or response


def _choice(report: Report, feature: str, target: str | None, segment: str) -> FeatureChoice:
    """The feature that is asked for.

    Raises:
        PageError: 404, in one line, for what the report has not.
    """
    chosen = next((info for info in report.targets if target in (None, info.name)), None)
    if chosen is None:
        raise PageError(404, "This report has no such target.")
    row = next((known for known in report.importance if (known.target, known.feature) == (chosen.name, feature)), None)
    if row is None:
        raise PageError(404, "This report has no such feature.")
    within = None
    if segment:
        key = (chosen.name, feature, segment)
        segments = (known for known in report.segments if (known.target, known.feature, known.segment) == key)
        within = next(segments, None)
        if within is None:
            raise PageError(404, "This report has no such segment of this feature.")
        if within.segment_column is None:
            column, _, level = segment.partition("=")
            within = within.model_copy(update={"segment_column": column, "segment_level": level})
    return FeatureChoice(feature, chosen, row, units_in(report, chosen), within)


def _with_own_dependence(report: Report, choice: FeatureChoice) -> Report:
    """The report with this feature's dependence alone: charts of the others would be drawn for nothing."""
    dependence = tuple(
        curve for curve in report.dependence if (curve.target, curve.feature) == (choice.target.name, choice.feature)
    )
    return report.model_copy(update={"dependence": dependence})


def _rows_or_reason(run: OpenedRun, choice: FeatureChoice, label: str) -> FeatureRows:
    """What the rows say; where they cannot be asked, why. That is not kept: a moment later they may answer."""
    key = (*run.identity, choice.target.name, choice.importance.segment, choice.feature)
    try:
        return _rows.get(key, lambda: feature_rows(RunRows.of(StoredRun(run.folder)), choice, label))
    except FileNotFoundError:
        why_not = "The rows of this run are not in the store."
    except QueryError as error:
        why_not = f"The rows of this run cannot be asked: {error}."
    except BusyError as busy:
        why_not = busy.line
    return FeatureRows(ATTRIBUTION + choice.feature, why_not=why_not)


def _rows_address(request: Request, run: OpenedRun, choice: FeatureChoice, **query: Any) -> str:
    """The address of the rows page: the target's rows, those of the segment where one is chosen."""
    within = choice.segment
    if within is not None:
        query |= {"column": [f"{SEGMENT}{within.segment_column}"], "op": ["is"], "value": [within.segment_level]}
    query = {"revision": run.explicit_revision, "target": choice.target.name, **query}
    return addresses_of(request).rows(run.name, run.run_id, **query)


def _time_links(request: Request, run: OpenedRun, choice: FeatureChoice, runs: Any) -> dict[str, str]:
    """{partition: this feature's page in the report of it}, where that report has the feature."""
    to = addresses_of(request)
    return {
        partition: to.feature(run.name, entry.run_id, choice.feature, target=choice.target.name)
        for partition, entry in runs.items()
        if entry.published
        and any(row.feature == choice.feature for indexed in entry.targets for row in indexed.features)
    }
