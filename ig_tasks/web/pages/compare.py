"""Two reports side by side, of one spec or of two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.reports.drift_view import drift_view
from ig_tasks.store.index_entry import IndexEntry
from ig_tasks.web.charts import Pictures, chart_figure
from ig_tasks.web.compare_view import Comparison, compared, differences, shared_targets
from ig_tasks.web.dependencies import OpenedRun, catalogue_of, open_run, readable_names
from ig_tasks.web.linking import RunLinks
from ig_tasks.web.page_errors import PageError
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.spec_places import name_of
from ig_tasks.web.timelines import timeline_of

router = APIRouter()
_CHOICES = 120
"""Partitions of one spec that can be chosen from."""


@router.get("/-/compare")
def show(
    request: Request,
    before: Annotated[str, Query(max_length=1200)] = "",
    after: Annotated[str, Query(max_length=1200)] = "",
    target: Annotated[str | None, Query(max_length=300)] = None,
) -> Response:
    """Two reports, each asked for as `<spec>/<run id>`.

    Where one alone is asked for, it is compared with the one before it; without any the page offers what there is.
    """
    pictures = Pictures(request)
    if after and not before:
        before = _before(_open_side(request, after))
    sides = [_open_side(request, text) if text else None for text in (before, after)]
    first, second = sides
    context: dict[str, Any] = {
        "choices": tuple(_choices(request, sides)),
        "before": first,
        "after": second,
        "asked": (before, after),
        "comparison": None,
        "differences": (),
    }
    if first is not None and second is not None:
        context |= _comparison_context(request, first, second, target, pictures)
    response = page(request, "compare_page.html", pictures=pictures, **context)
    return pictures.answer() or response


def _open_side(request: Request, text: str) -> OpenedRun:
    name, _, run_id = text.partition("/")
    return open_run(request, name, run_id)


def _before(run: OpenedRun) -> str:
    """The report that a run was compared with, else that of the partition before it; "" where there is none."""
    drift = run.report.drift
    if drift is not None and drift.reference is not None:
        reference_id = drift.reference.run_id
        if drift.reference.name == name_of(run.name) and any(
            entry.run_id == reference_id for entry in run.spec.entries
        ):
            return f"{run.name}/{reference_id}"
    reports = list(timeline_of(run.spec.entries).entries.values())
    place = next((at for at, entry in enumerate(reports) if entry.partition == run.report.partition), 0)
    return f"{run.name}/{reports[place - 1].run_id}" if place else ""


def _comparison_context(
    request: Request, before: OpenedRun, after: OpenedRun, target: str | None, pictures: Pictures
) -> dict[str, Any]:
    shared = shared_targets(before.report, after.report)
    chosen = next((pair for pair in shared if target in (None, pair[1].name)), None)
    if target is not None and chosen is None:
        raise PageError(404, "These reports have no such target in common.")
    links = RunLinks(addresses_of(request), after)
    drift = after.report.drift
    is_reference = (
        drift is not None
        and drift.reference is not None
        and (drift.reference.name or after.report.name) == before.report.name
        and drift.reference.run_id == before.run_id
    )
    comparison: Comparison | None = None
    if chosen is not None:
        comparison = compared((before, after), chosen, _titles(before, after))
    return {
        "report": after.report,
        "targets": after.report.targets,
        "links": links,
        "shared": shared,
        "comparison": comparison,
        "differences": differences(before, after),
        "drift": drift_view(after.report) if is_reference else None,
        "severity": next((check.severity for check in after.report.checks if check.name == "drift"), "warning"),
        "figure_of": lambda chart, caption, title: chart_figure(
            chart,
            pictures,
            links=_chart_links(links, comparison) if comparison else None,
            caption=caption,
            title=title,
        ),
    }


def _titles(before: OpenedRun, after: OpenedRun) -> tuple[str, str]:
    """What tells the two apart above a chart: the partition, the spec, or both."""
    first, second = (run.report.partition for run in (before, after))
    if before.name == after.name and first != second:
        return first, second
    if first == second and before.name != after.name:
        return name_of(before.name), name_of(after.name)
    return f"{name_of(before.name)} {first}", f"{name_of(after.name)} {second}"


def _chart_links(links: RunLinks, comparison: Comparison) -> dict[str, str]:
    addresses = {label: links.feature(feature) for label, feature in comparison.names.items()}
    return {label: address for label, address in addresses.items() if address}


def _choices(request: Request, sides: list[OpenedRun | None]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """(spec, [(`<spec>/<run id>`, partition) ...]): all partitions of the specs that are chosen, of others the last."""
    chosen = {run.name for run in sides if run is not None}
    opened = {(run.name, run.run_id): run.entry for run in sides if run is not None}
    names = readable_names(request)
    for name in names:
        entries = list(timeline_of(catalogue_of(request).entries(name)).entries.values())[::-1]
        offered = entries[:_CHOICES] if name in chosen or len(names) == 1 else entries[:1]
        also = [entry for (spec, _), entry in opened.items() if spec == name and entry.run_id not in _ids(offered)]
        options = [(f"{name}/{entry.run_id}", _option(entry)) for entry in [*also, *offered]]
        if options:
            yield name, options


def _ids(entries: list[IndexEntry]) -> set[str]:
    return {entry.run_id for entry in entries}


def _option(entry: IndexEntry) -> str:
    state = "" if entry.published else " (withheld)"
    return f"{entry.partition}{state}{'' if entry.official else ' (ad-hoc)'}"
