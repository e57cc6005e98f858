"""A shard that ended its workers, or did not come to an end, is explained with care: in a process that may die.

Its rows are tried in pieces, then those of a piece that ended the process one by one. What is left is computed as it
would have been without the rows that were found.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from ig_tasks.cluster.plain_worker import MEMORY
from ig_tasks.errors import WorkerLostError
from ig_tasks.expendable import Died, Expendable
from ig_tasks.stages import worker_models
from ig_tasks.stages.ending_rows import ending_rows
from ig_tasks.stages.shard_files import quarantine_file
from ig_tasks.stages.tasks import ExplainTask
from ig_tasks.store import RunFolder

__all__ = ["Compute", "Count", "Probe", "explain_carefully", "memory_of_worker"]

_MODULE = "ig_tasks.stages.careful_child"
_MOST = 8
"""Pieces of a shard that end the process, and then rows: each costs a process that loads the model."""
_HALVINGS = 3
_OPENING_SECONDS = 3600.0


@dataclass(frozen=True)
class Count:
    """How many of the shard's rows can be encoded?"""

    task: ExplainTask


@dataclass(frozen=True)
class Probe:
    """Does the process outlive these rows (places among the encoded ones)?"""

    task: ExplainTask
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Compute:
    """Explain the shard."""

    task: ExplainTask


def explain_carefully(task: ExplainTask, *, limit: float | None = None, memory: bool = False) -> dict[str, Any]:
    """Explain a shard without the rows that end their process; returns what `explain_shard` does.

    Args:
        limit: seconds that the model may take for the shard, or for a piece of it.
        memory: workers seem to have died for memory: smaller batches come first.

    Returns:
        The shard's counts, and under `refused` {row id: why} of the rows that were found.

    Raises:
        WorkerLostError: if too many rows end the process, or none does by itself.
        UserError: what `explain_shard` raises.
    """
    worker_models.forget()  # the model is loaded once more: not beside this process's own
    with _Pieces(task, limit) as pieces:
        if memory and (counts := pieces.in_smaller_batches()) is not None:
            return {**counts, "refused": {}}
        refused = pieces.ending_rows()
        counts = pieces.without(refused)
    if not refused:  # a shard without a row in quarantine has no file of them
        return {**counts, "refused": {}}
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    left = run.read_table(quarantine_file(task.shard.name)).to_pylist()
    return {**counts, "refused": {row["row_id"]: row["reason"] for row in left if row["reason"] in refused.values()}}


class _Pieces:
    """Pieces of one shard, asked of a process that is started anew whenever it has died."""

    def __init__(self, task: ExplainTask, limit: float | None) -> None:
        self._task, self._limit = task, limit
        self._child: Expendable | None = None
        self._count = 0
        self._memory = memory_of_worker()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def in_smaller_batches(self) -> dict[str, Any] | None:
        """The shard's counts with batches halved up to three times; None if what ends the process is not memory."""
        died = None
        for halving in range(1, _HALVINGS + 1):
            try:
                return self._computed(replace(self._task, memory_limit=self._task.memory_limit >> halving))
            except Died as one:
                died = one
                if one.code != -signal.SIGKILL or one.why == "time":
                    return None
        raise WorkerLostError(
            f"{self._name}: the process ended with {died.words if died else ''} also with batches of an eighth of "
            f"their size; make compute.shard_rows or compute.workers smaller"
        )

    def ending_rows(self) -> dict[int, str]:
        """{row: why} of the rows that end the process by themselves."""
        return ending_rows(self._rows(), self._death, name=self._name, limit=self._limit, most=_MOST)

    def without(self, refused: dict[int, str]) -> dict[str, Any]:
        """The counts of the shard, explained without these rows."""
        try:
            return self._computed(replace(self._task, refused=refused))
        except Died as died:
            raise WorkerLostError(
                f"{self._name}: the process ended with {died.words} when it computed all rows together, and with no "
                "row by itself; make compute.shard_rows smaller"
            ) from None

    @property
    def _name(self) -> str:
        shard = self._task.shard
        return f"{shard.name} (rows {shard.start:,} to {shard.stop - 1:,})"

    def _rows(self) -> int:
        if not self._count:
            self._opened()
        return self._count

    def _death(self, rows: np.ndarray[Any, Any]) -> Died | None:
        try:
            self._ask(Probe(self._task, tuple(rows.tolist())))
        except Died as died:
            return died
        return None

    def _computed(self, task: ExplainTask) -> dict[str, Any]:
        counts: dict[str, Any] = self._ask(Compute(task))
        return counts

    def _ask(self, question: Probe | Compute) -> Any:
        child = self._opened()
        try:
            return child.ask(question, limit=self._limit)
        except Died:
            self._close()
            raise

    def _opened(self) -> Expendable:
        if self._child is None:
            self._child = Expendable(_MODULE, memory=self._memory)
            try:
                self._count = self._child.ask(Count(self._task), limit=_OPENING_SECONDS)
            except Died as died:
                raise WorkerLostError(f"{self._name}: the process ended with {died.words} before any row") from None
        return self._child

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def memory_of_worker() -> int | None:
    """Bytes that this worker may hold: whoever watches it does not see what its children hold."""
    if limit := os.environ.get(MEMORY):
        return int(limit)
    distributed = sys.modules.get("distributed")
    with contextlib.suppress(ValueError, AttributeError):
        limit = distributed.get_worker().memory_manager.memory_limit if distributed else None
        return int(limit) if limit else None
    return None
