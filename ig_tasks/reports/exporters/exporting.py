"""Which formats there are, and what each is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ig_tasks.errors import InputError, suggest
from ig_tasks.reports.exporters.cyclonedx import cyclonedx_document
from ig_tasks.reports.exporters.mlflow_run import log_mlflow_run
from ig_tasks.reports.exporters.model_card import model_card_section
from ig_tasks.reports.exporters.shap import shap_text
from ig_tasks.reports.exporters.summaries import clarify_document, importance_csv, michelangelo_document
from ig_tasks.reports.exporters.vertex import vertex_lines
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.store.report import Report

__all__ = ["FORMATS", "export_text"]

_OF_REPORTS: dict[str, Callable[[Report], Any]] = {
    "csv": importance_csv,
    "michelangelo": michelangelo_document,
    "clarify": clarify_document,
    "model-card": model_card_section,
    "cyclonedx": cyclonedx_document,
}
FORMATS = (*_OF_REPORTS, "vertex", "shap", "mlflow")
"""Those but the last three are made of the report alone; vertex and shap of the run's rows; mlflow logs a run.
"""


def export_text(report: Report, uri: str, format: str) -> Iterator[str]:  # noqa: A002 - what the option is called
    """A report in another format, in pieces of text.

    Args:
        uri: of report.json; its folder holds the rows, for formats of single rows.
        format: one of `FORMATS`.

    Raises:
        InputError: if there is no such format.
        RunError, DamagedError: if rows are needed, and are not there or not what was written; if MLflow refuses.
    """
    if format not in FORMATS:
        raise InputError(f"format: {format!r} is not a format" + suggest(format, FORMATS, noun="formats"))
    if format == "vertex":
        for line in vertex_lines(ComputedRun.at(uri.rpartition("/")[0])):
            yield line + "\n"
        return
    if format == "shap":
        yield from shap_text(ComputedRun.at(uri.rpartition("/")[0]))
        return
    if format == "mlflow":
        yield log_mlflow_run(report, uri) + "\n"
        return
    made = _OF_REPORTS[format](report)
    yield made if isinstance(made, str) else json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
