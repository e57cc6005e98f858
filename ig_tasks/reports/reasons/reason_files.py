"""Reasons as tables: one line per reason of each adverse row, and one per row without reasons."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ig_tasks.reports.exporters.summaries import quoted
from ig_tasks.reports.reasons.reason_counts import Tally
from ig_tasks.stages.reasons.finding import AdverseRow
from ig_tasks.stages.reasons.rules import Player, ReasonRules

__all__ = ["COLUMNS", "ReasonFiles", "csv_text"]

_NAMES = pa.list_(pa.string())
_SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("target", pa.string()),
        ("output", pa.float64()),
        ("decided_on", pa.float64()),
        ("threshold", pa.float64()),
        ("adverse", pa.string()),
        ("state", pa.string()),
        ("rank", pa.int32()),
        ("feature", pa.string()),
        ("code", pa.string()),
        ("text", pa.string()),
        ("attribution", pa.float64()),
        ("bound", pa.float64()),
        ("best_rank", pa.int32()),
        ("worst_rank", pa.int32()),
        ("tied_with", _NAMES),
        ("unproven", _NAMES),
        ("result_without", pa.float64()),
        ("other_decision", pa.float64()),
    ]
)
COLUMNS = tuple(_SCHEMA.names)
"""row_id, target; output as it is explained, decided_on in the threshold's space; what is decided; the row's state; the
reason: its rank, feature or group, code and text (null without one), attribution, error bound, the ranks that it may
have, and who is not listed and may outweigh it; who may have pushed towards the adverse side; where the model was
asked, the result without the reason in the threshold's space, and the share of comparisons with another decision."""

_AT_ONCE = 20_000


class ReasonFiles:
    """reasons.parquet, reasons.csv and what the report says of them, made in one pass over the rows."""

    def __init__(
        self, rows: Iterable[AdverseRow], rules: ReasonRules, rows_quarantined: int = 0, ablation_why_not: str = ""
    ) -> None:
        tally = Tally(rules)
        table, text = io.BytesIO(), io.StringIO()
        text.write(_csv_line(COLUMNS))
        with pq.ParquetWriter(table, _SCHEMA, compression="zstd") as writer:
            for some in _blocks(tally.counting(rows)):
                lines = list(_lines(some, rules))
                writer.write_table(pa.Table.from_pylist(lines, _SCHEMA))
                text.writelines(map(_as_csv, lines))
        self.parquet = table.getvalue()
        self.csv = text.getvalue().encode("utf-8")
        self.info = tally.info(rows_quarantined, ablation_why_not)


def csv_text(rows: Iterable[AdverseRow], rules: ReasonRules) -> Iterator[str]:
    """The lines of reasons.csv."""
    yield _csv_line(COLUMNS)
    for some in _blocks(rows):
        yield from map(_as_csv, _lines(some, rules))


def _lines(rows: Sequence[AdverseRow], rules: ReasonRules) -> Iterator[dict[str, Any]]:
    decided_on = rules.in_space(np.array([row.output for row in rows]))
    for row, decided in zip(rows, decided_on.tolist(), strict=True):
        facts = {
            "row_id": row.row_id,
            "target": rules.target.name,
            "output": row.output,
            "decided_on": decided,
            "threshold": rules.section.threshold,
            "adverse": rules.section.adverse,
            "state": row.state,
            "unproven": _names(row.unproven),
        }
        if not row.reasons:
            yield facts
        for place, reason in enumerate(row.reasons, start=1):
            yield facts | {
                "rank": place,
                "feature": reason.player.name,
                "code": reason.player.code or None,
                "text": reason.player.text or None,
                "attribution": reason.attribution,
                "bound": reason.bound,
                "best_rank": reason.best,
                "worst_rank": reason.worst,
                "tied_with": _names(reason.rivals),
                "result_without": None if reason.without is None else _known(reason.without.result),
                "other_decision": None if reason.without is None else _known(reason.without.changed),
            }


def _known(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None


def _blocks(rows: Iterable[AdverseRow]) -> Iterator[list[AdverseRow]]:
    left = iter(rows)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _names(players: Sequence[Player]) -> list[str]:
    return [player.name for player in players]


def _as_csv(line: dict[str, Any]) -> str:
    return _csv_line([_cell(line.get(column)) for column in COLUMNS])


def _cell(content: Any) -> Any:
    if isinstance(content, list):
        content = "; ".join(content)
    return "" if content is None else quoted(content)


def _csv_line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
