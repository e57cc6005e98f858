"""What stands in the tabs of Airflow's own pages: of a DAG its spec, of a run or a task the report that it wrote."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ig_tasks.web.access import USER, KnowsRuns
from ig_tasks.web.dependencies import open_spec, shown_revision
from ig_tasks.web.page_errors import PageError
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.report_files import ReportPlace

router = APIRouter()

_DAG = "ig_"
_FOREIGN = "This DAG publishes no feature importance."
_Id = Annotated[str, Path(max_length=500)]


@router.get("/-/dags/{dag_id}")
def show_dag(request: Request, dag_id: _Id) -> Response:
    """The timeline of the spec that a DAG explains."""
    if not dag_id.startswith(_DAG):
        return _notice(request, _FOREIGN)
    try:
        spec = open_spec(request, dag_id.removeprefix(_DAG))
    except PageError:
        return _notice(request, "This DAG has no report yet that you may read. One appears here when it has run.")
    return RedirectResponse(addresses_of(request).model(spec.name), status_code=303)


@router.get("/-/dags/{dag_id}/runs/{run_id}")
def show_run(request: Request, dag_id: _Id, run_id: _Id) -> Response:
    """The report of a run."""
    return _reports(request, dag_id, run_id, None, None)


@router.get("/-/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}")
def show_task(request: Request, dag_id: _Id, run_id: _Id, task_id: _Id, map_index: _Id) -> Response:
    """The report that a task wrote; of a task that wrote none that of its run."""
    index = int(map_index) if map_index.lstrip("-").isdecimal() else None
    return _reports(request, dag_id, run_id, task_id, index)


def _reports(request: Request, dag_id: str, run_id: str, task_id: str | None, map_index: int | None) -> Response:
    access = request.app.state.access
    if not isinstance(access, KnowsRuns):
        raise PageError(404, "There is no such page.")
    user = request.scope["state"][USER]
    places = access.places(user, dag_id, run_id, task_id, map_index) if task_id is not None else []
    places = places or access.places(user, dag_id, run_id)
    reports = [address for place in places if (address := _address_of(request, place)) is not None]
    if len(reports) == 1:
        return RedirectResponse(reports[0][1], status_code=303)
    if reports:
        return page(request, "tab_page.html", line="This run has several reports.", reports=reports)
    if not dag_id.startswith(_DAG):
        return _notice(request, _FOREIGN)
    return _notice(request, "This run has no report yet that you may read. One appears here when validate is done.")


def _address_of(request: Request, place: ReportPlace) -> tuple[str, str] | None:
    """What to call a report, and its address; None if it is not in the index, or not for this user."""
    try:
        spec = open_spec(request, place.name)
    except PageError:
        return None
    of_run = [entry for entry in spec.entries if entry.run_id == place.run_id]
    entry = next((candidate for candidate in of_run if candidate.revision == place.revision), None)
    entry = entry or shown_revision(spec.entries, place.run_id)
    if entry is None:
        return None
    default = shown_revision(spec.entries, place.run_id)
    revision = None if entry is default else entry.revision
    address = addresses_of(request).report(entry.name, entry.run_id, revision=revision)
    return f"{entry.model or entry.name}, {entry.partition}", address


def _notice(request: Request, line: str) -> Response:
    return page(request, "tab_page.html", line=line, reports=[])
