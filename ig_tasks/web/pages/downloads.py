"""Files made of a report or its rows."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from ig_tasks.reports.exporters import export_text
from ig_tasks.reports.numerals import count
from ig_tasks.reports.paper import can_make_pdf, pdf_of
from ig_tasks.store import Manifest
from ig_tasks.store.runs import revised
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.dependencies import OpenedRun, RunOf
from ig_tasks.web.page_errors import PageError
from ig_tasks.web.page_rendering import DOWNLOADS
from ig_tasks.web.queries import RunRows
from ig_tasks.web.row_files import as_csv, as_parquet
from ig_tasks.web.row_filter import RowFilter
from ig_tasks.web.turns import Turns

router = APIRouter()

_KINDS = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_PDF_TURNS, _PDF_WAITING = Turns(at_once=1, waiting=2), 30.0
_ROW_TURNS, _ROW_WAITING = Turns(at_once=2, waiting=4), 20.0
"""A file of a hundred thousand rows takes some hundred megabytes while it is made."""
FILES = (*DOWNLOADS, "rows.csv", "rows.parquet")


@router.get("/{name}/{run_id}/download/{download}")
def show(request: Request, run: RunOf, download: Annotated[str, Path(max_length=100)]) -> Response:
    """A file of the report, or of the rows that the filter in the address keeps."""
    if download not in FILES:
        raise PageError(404, f"There is no such download; there are {', '.join(FILES)}.")
    if download.startswith("rows."):
        return _rows(request, run, download)
    if download == "importance.csv":
        text = "".join(export_text(run.report, "", "csv"))
        return _file(run, download, text.encode("utf-8"))
    if download == "report.pdf":
        return _file(run, download, _pdf(run))
    return _file(run, download, Manifest(run.folder).read(revised(download, run.revision)))


def _pdf(run: OpenedRun) -> bytes:
    """The page of the report on paper; one is made at a time, since it takes seconds of a core."""
    if not can_make_pdf():
        raise PageError(404, "This server makes no PDFs: it needs pip install 'ig-tasks[pdf]'.")
    page = Manifest(run.folder).read(revised("report.html", run.revision)).decode("utf-8")
    report = run.report
    line = "Others are waiting for a PDF at this moment. Try again in a minute."
    with _PDF_TURNS.required(_PDF_WAITING, line, again=60):
        return pdf_of(
            page,
            title=f"{report.model.name or report.name}, {report.partition}",
            below=f"{report.name}, {report.partition}, revision {report.revision} ({report.state})",
            created=report.created_at,
        )


def _rows(request: Request, run: OpenedRun, file: str) -> Response:
    line = "Others are waiting for files of rows at this moment. Try again in half a minute."
    with _ROW_TURNS.required(_ROW_WAITING, line, again=30):
        return _rows_file(request, run, file)


def _rows_file(request: Request, run: OpenedRun, file: str) -> Response:
    rows = RunRows.of(StoredRun(run.folder))
    targets = [target.name for target in run.report.targets]
    row_filter = RowFilter.of(request.query_params, rows.columns, targets[0] if targets else "")
    table, total = rows.table(row_filter.conditions, row_filter.order)
    content = as_csv(table) if file == "rows.csv" else as_parquet(table, row_filter.conditions, total)
    # A file that was cut says so by its name.
    cut = "" if table.num_rows == total else f"first-{table.num_rows}-of-{total}-"
    response = _file(run, f"{cut}{file}", content)
    response.headers["X-Rows"] = f"{count(table.num_rows)} of {count(total)}"
    return response


def _file(run: OpenedRun, file: str, content: bytes) -> Response:
    """A download under a name of plain letters."""
    revision = "" if run.revision == 1 else f"r{run.revision}-"
    stem = re.sub("[^A-Za-z0-9_.-]+", "-", f"{run.name}-{run.run_id}").strip("-.")[:120]
    headers = {"Content-Disposition": f'attachment; filename="{stem}-{revision}{file}"'}
    return Response(content, media_type=_KINDS[file.rpartition(".")[2]], headers=headers)
