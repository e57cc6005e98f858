"""Files made of a report or its rows."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ig_tasks.store.runs import revised
from ig_tasks.web.dependencies import RunOf
from ig_tasks.web.errors import PageError

router = APIRouter()


@router.get("/{name}/{run_id}/download/{what}")
def show(run: RunOf, what: str) -> Response:
    """report.json as it was written."""
    if what != "report.json":
        raise PageError(404, "There is no such download.")
    content = run.folder.read_bytes(revised("report.json", run.revision))
    name = f"{run.name}-{run.run_id}-report.json".encode("ascii", "replace").decode().replace('"', "")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/json", headers=headers)
