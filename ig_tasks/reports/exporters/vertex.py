"""Attributions of single rows as Vertex AI's `Attribution` messages, a line of JSON per row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from ig_tasks.stages.computed_run import ComputedRun

__all__ = ["vertex_lines"]

_ATTRIBUTION = "attribution:"
_FIGURES = ("row_id", "target", "output", "baseline_output", "relative_delta")
_AT_ONCE = 1_000
"""Rows that are held as Python objects: those of a whole shard would take a hundred times its file."""


def vertex_lines(run: ComputedRun) -> Iterator[str]:
    """Lines `{"instance": {...}, "explanation": {"attributions": [...]}}`, in the order of the run.

    `approximationError` is the row's relative completeness delta, |delta| / max(|output - baseline output|, 0.1 x the
    sum of |attributions|); Vertex divides by |output - baseline output| alone, which can be 0.

    Raises:
        DamagedError: if a table of the run is not what was written.
    """
    for file in run.summary.attribution_files:
        for row in _rows(run, file):
            features = {
                name.removeprefix(_ATTRIBUTION): value for name, value in row.items() if name.startswith(_ATTRIBUTION)
            }
            attribution: dict[str, Any] = {
                "baselineOutputValue": row["baseline_output"],
                "instanceOutputValue": row["output"],
                "featureAttributions": features,
                "outputIndex": [-1],
                "outputDisplayName": row["target"],
                "approximationError": row["relative_delta"],
                "outputName": row["target"],
            }
            line = {"instance": {"row_id": row["row_id"]}, "explanation": {"attributions": [attribution]}}
            yield json.dumps(line, ensure_ascii=False, allow_nan=False)


def _rows(run: ComputedRun, file: str) -> Iterator[dict[str, Any]]:
    """The rows of one file, a few at a time, with the columns that are written."""
    with run.tables.opened(file) as handle:
        table = pq.ParquetFile(handle)
        columns = [name for name in table.schema_arrow.names if name in _FIGURES or name.startswith(_ATTRIBUTION)]
        for batch in table.iter_batches(_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
