"""Results of tasks on Dask workers that lie in the store under keys of everything that decides them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.shards import Shard
from ig_tasks.stages.careful_calls import Call, map_calls
from ig_tasks.store import Folder, read_sealed, run_key, take_sealed

__all__ = ["KeptTask", "kept_results"]


class KeptTask(Protocol):
    """What a task has to say of itself."""

    @property
    def shard(self) -> Shard:
        """The rows that it works on."""
        ...

    @property
    def resources(self) -> dict[str, float]:
        """Dask resources that it needs."""
        ...

    @property
    def left_out(self) -> frozenset[str]:
        """Positions of rows that its work leaves out."""
        ...

    def asked(self) -> dict[str, Any]:
        """Everything that decides the result."""
        ...


def kept_results(
    folder: Folder,
    where: str,
    session: ComputeSession,
    work: Callable[..., Any],
    tasks: Sequence[KeptTask],
    *,
    what: str,
    say: Callable[[str], None],
    log: Callable[[str], None] | None = None,
    retries: int = 0,
) -> list[dict[str, Any]]:
    """The result of each task: found in `where` of the folder, or computed there by `work(task, folder_uri, name)`.

    Nothing is computed twice, and what was killed goes on where it stopped. A damaged result is set aside first.

    Args:
        what: the work in a word, for progress.

    Raises:
        IgTasksError: what the workers raise.
    """
    names = [f"{where}/{run_key(task.asked())}.json" for task in tasks]
    todo = {name: task for name, task in zip(names, tasks, strict=True) if take_sealed(folder, name, say) is None}
    if todo:
        with Progress(sum(task.shard.rows for task in todo.values()), what, log=log) as progress:
            for _ in map_calls(
                session,
                [Call(work, task, {"folder_uri": folder.uri, "name": name}) for name, task in todo.items()],
                keys=[f"{what}-{name.rpartition('/')[2].removesuffix('.json')}" for name in todo],
                resources=tasks[0].resources,
                retries=retries,
                progress=progress,
                say=say,
            ):
                pass
    return [read_sealed(folder, name) for name in names]
