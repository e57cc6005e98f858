"""The rows of a run as the fields of `shap.Explanation`, in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ig_tasks.explanations.shap_fields import shap_fields
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.store.report_values import plain

__all__ = ["shap_text"]


def shap_text(run: ComputedRun, target: str | None = None) -> Iterator[str]:
    """A JSON object in pieces: `shap.Explanation(**{name: numpy.array(held) ...})` takes its keys.

    Raises:
        InputError: if no row is explained.
        DamagedError: if a table of the run is not what was written.
    """
    fields = shap_fields(run.tables, run.summary.attribution_files, target)
    yield "{"
    for place, (name, array) in enumerate(fields.items()):
        yield f"{', ' if place else ''}{json.dumps(name)}: "
        yield from _pieces(array)
    yield "}\n"


def _pieces(array: Any) -> Iterator[str]:
    """A row of an array at a time."""
    if array is None or not len(array):
        yield json.dumps(None if array is None else [])
        return
    for place, row in enumerate(array):
        yield ("[" if not place else ",\n") + json.dumps(plain(row), ensure_ascii=False, allow_nan=False)
    yield "]"
