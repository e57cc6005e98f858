"""What stands in the tabs of Airflow's own pages: of a DAG its spec, of a run or a task the report that it wrote."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ig_tasks.web.access import USER, KnowsDags, KnowsRuns
from ig_tasks.web.dependencies import OpenedSpec, open_spec, shown_revision
from ig_tasks.web.page_errors import PageError
from ig_tasks.web.page_rendering import addresses_of, page
from ig_tasks.web.report_files import ReportPlace
from ig_tasks.web.spec_places import name_of

router = APIRouter()

_DAG = "ig_"
_FOREIGN = "This DAG publishes no feature importance."
_Id = Annotated[str, Path(max_length=500)]


@router.get("/-/dags/{dag_id}")
def show_dag(request: Request, dag_id: _Id) -> Response:
    """The timelines of the specs that a DAG explains: of one the page itself, of several a choice."""
    keys = _specs_of(request, dag_id)
    if not keys:
        return _notice(request, _FOREIGN)
    specs = []
    for key in keys:
        with suppress(PageError):
            specs.append(open_spec(request, key))
    if not specs:
        return _notice(request, "This DAG has no report yet that you may read. One appears here when it has run.")
    addresses = [(_title(spec), addresses_of(request).model(spec.name)) for spec in specs]
    if len(addresses) == 1:
        return RedirectResponse(addresses[0][1], status_code=303)
    return page(request, "tab_page.html", line="This DAG explains several models.", reports=addresses)


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
    if not _specs_of(request, dag_id):
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
    return f"{entry.model or name_of(entry.name)}, {entry.partition}", address


def _specs_of(request: Request, dag_id: str) -> list[str]:
    """The keys of the specs that a DAG explains, as the DAG says, else as it is called."""
    access = request.app.state.access
    if isinstance(access, KnowsDags):
        return access.specs_of(dag_id)
    return [dag_id.removeprefix(_DAG)] if dag_id.startswith(_DAG) else []


def _title(spec: OpenedSpec) -> str:
    return spec.entries[-1].model or name_of(spec.name)


def _notice(request: Request, line: str) -> Response:
    return page(request, "tab_page.html", line=line, reports=[])
