"""Work on rows beside the shards of a run, such as the trial or an ablation: rows that end its process are left out.

What `careful` is for the shards, this is for every other task that calls the model on rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cloudpickle  # type: ignore[import-untyped]

from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress, unsaid
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.cluster.task_results import NotByRowsError
from ig_tasks.cluster.worker_exits import Doing
from ig_tasks.data.dataset import POSITION
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.errors import RunError, WorkerLostError
from ig_tasks.expendable import Died, Expendable
from ig_tasks.stages import worker_models
from ig_tasks.stages.careful import memory_of_worker
from ig_tasks.stages.ending_rows import Rows, ending_rows

__all__ = ["Call", "RowTask", "call_one", "map_calls"]

_MODULE = "ig_tasks.stages.careful_calls_child"
_MOST = 3
"""Pieces that end the process, and then rows: of these tasks, a model that dies with all rows is soon told."""


class RowTask(Protocol):
    """A frozen dataclass that says on which rows its work calls the model."""

    @property
    def shard(self) -> Shard:
        """The rows."""
        ...

    @property
    def left_out(self) -> frozenset[str]:
        """Positions of rows that its work leaves out."""
        ...


@dataclass(frozen=True)
class Call:
    """`work(task, **arguments)`."""

    work: Callable[..., Any]
    task: Any
    arguments: Mapping[str, Any]

    def result(self) -> Any:
        """What the work returns."""
        return self.work(self.task, **self.arguments)


@dataclass(frozen=True)
class _Without:
    """A result that rows were left out of; {position: why}."""

    result: Any
    rows: Mapping[str, str]


def map_calls(
    session: ComputeSession,
    calls: Sequence[Call],
    *,
    keys: Sequence[str],
    resources: Mapping[str, float],
    retries: int,
    progress: Progress,
    say: Callable[[str], None],
    doing: Doing = "computing",
) -> Iterator[tuple[int, Any]]:
    """The result of each call on the workers; `say` is told of rows that are left out. Arguments of `map_shards`."""
    for index, result in map_shards(
        session,
        Call.result,
        [{"self": call} for call in calls],
        keys=keys,
        resources=resources,
        retries=retries,
        rows=[call.task.shard.rows for call in calls],
        progress=progress,
        doing=doing,
        rescue=_call_carefully,
    ):
        if isinstance(result, _Without):
            for row, why in result.rows.items():
                say(f"{keys[index]}: row {row} is left out: {why}")
            yield index, result.result
        else:
            yield index, result


def call_one(
    session: ComputeSession,
    work: Callable[..., Any],
    task: RowTask,
    *,
    key: str,
    resources: Mapping[str, float],
    say: Callable[[str], None],
) -> Any:
    """`work(task)` on one worker: a handful of rows, looked at once and without progress."""
    results = map_calls(
        session,
        [Call(work, task, {})],
        keys=[key],
        resources=resources,
        retries=0,
        progress=Progress(task.shard.rows, key, log=unsaid),
        say=say,
        doing="trying",
    )
    ((_, result),) = results
    return result


def _call_carefully(self: Call, limit: float, memory: bool) -> _Without:  # noqa: ARG001 - such work has no batch plan
    """On a worker: the call without the rows that end its process.

    Raises:
        NotByRowsError: if too many rows do, or none does by itself.
    """
    try:
        return _without_ending_rows(self, limit)
    except WorkerLostError as error:
        raise NotByRowsError(str(error)) from None


def _without_ending_rows(call: Call, limit: float) -> _Without:
    shard = call.task.shard
    worker_models.forget()  # the model is loaded once more: not beside this process's own
    positions = read_shard(shard, [])[POSITION].to_numpy(dtype=object)
    with tempfile.TemporaryDirectory(prefix="ig-tasks-") as scratch, _Child(limit) as child:
        # What is tried leaves its files elsewhere.
        elsewhere = {**call.arguments, **({"folder_uri": scratch} if "folder_uri" in call.arguments else {})}

        def dies(rows: Rows) -> Died | None:
            others = frozenset(positions.tolist()).difference(positions[rows].tolist())
            return child.death(replace(call, task=replace(call.task, left_out=others), arguments=elsewhere))

        found = ending_rows(len(positions), dies, name=shard.name, limit=limit, most=_MOST)
        named = {str(positions[row]): why for row, why in found.items()}
        if not named:
            raise WorkerLostError(f"{shard.name}: the process ended with no row by itself")
        if getattr(call.task, "needs_all_rows", False):
            row, why = next(iter(named.items()))
            raise RunError(f"{shard.name}: row {row}: {why}")
        try:
            result = child.ask(replace(call, task=replace(call.task, left_out=frozenset(named))))
        except Died as died:
            raise WorkerLostError(
                f"{shard.name}: the process ended with {died.words} also without {', '.join(named)}"
            ) from None
    return _Without(result, named)


class _Child:
    """A process that is started anew whenever it has died."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._process: Expendable | None = None

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def ask(self, call: Call) -> Any:
        """The result of a call. Raises what it raises, and Died."""
        if self._process is None:
            self._process = Expendable(_MODULE, memory=memory_of_worker())
        try:
            return self._process.ask(cloudpickle.dumps(call), limit=self._limit)
        except Died:
            self._close()
            raise

    def death(self, call: Call) -> Died | None:
        """How the process ended with a call; what else became of the call is no matter of life and death."""
        try:
            self.ask(call)
        except Died as died:
            return died
        except Exception:  # noqa: BLE001 - of some rows alone much is refused that all together are fit for
            return None
        return None

    def _close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
