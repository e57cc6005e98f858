"""The process in which a shard is tried in pieces that may end it: run by `careful`, never imported by a run."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import numpy as np

from ig_tasks.errors import ModelError
from ig_tasks.expendable import serve
from ig_tasks.stages.careful import Compute, Count, Probe
from ig_tasks.stages.tasks import ExplainTask, ShardRows, explain_shard

__all__ = ["Child"]


class Child:
    """Answers for one shard, whose rows are read once."""

    def __init__(self) -> None:
        self._read: ShardRows | None = None

    def answer(self, question: Count | Probe | Compute) -> Any:
        """How many rows can be encoded; nothing, if this process outlives the rows asked for; or the shard's counts."""
        if isinstance(question, Compute):
            return explain_shard(question.task)
        rows = self._rows(question.task)
        count = int(rows.encoded.keep.sum())
        if isinstance(question, Probe):
            others = np.setdiff1d(np.arange(count), question.rows)
            # Rows with which the model raises are found when the shard is computed.
            with contextlib.suppress(ModelError):
                replace(rows, encoded=rows.encoded.without(dict.fromkeys(others.tolist(), ""))).explained()
        return count

    def _rows(self, task: ExplainTask) -> ShardRows:
        if self._read is None:
            self._read = ShardRows.of(task)
        return self._read


if __name__ == "__main__":
    serve(Child().answer)
