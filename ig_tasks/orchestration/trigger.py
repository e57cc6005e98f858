"""The trigger that waits for shards on an existing Dask scheduler, without a slot of Airflow's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from airflow.triggers.base import BaseTrigger, TriggerEvent

from ig_tasks.orchestration.shard_watch import Event, ShardWatch, stuck
from ig_tasks.orchestration.stuck_shards import StuckShards

__all__ = ["ShardsTrigger"]

_SAY_SECONDS = 30.0


class ShardsTrigger(BaseTrigger):
    """Fires when every shard lies in the store, when one failed, or when nobody is left who computes them.

    It holds nothing that could be lost: killed and started elsewhere, it finds the same shards in the same store. It
    imports neither a framework nor pandas, and nothing of Dask's or pyarrow's before it runs.

    Args:
        submitted: what was submitted (`Submitted.to_json`).
        connection: the Airflow connection of the scheduler, for its TLS files; None: those of the environment.
        resources: what each shard needs of its worker.
        patience: seconds without a scheduler, a store or a fit worker before the work counts as lost.
        poll_interval: seconds between two looks.
        shard_timeout: seconds that a worker may be at a shard, or "auto": by the pace of the others.
    """

    def __init__(
        self,
        submitted: Mapping[str, Any],
        connection: str | None = None,
        resources: Mapping[str, float] | None = None,
        patience: float = 60.0,
        poll_interval: float = 5.0,
        shard_timeout: float | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.submitted = dict(submitted)
        self.connection = connection
        self.resources = dict(resources or {})
        self.patience = patience
        self.poll_interval = poll_interval
        self.shard_timeout = shard_timeout
        self._stuck = StuckShards(shard_timeout)
        self._keys: dict[str, str] | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, for Airflow's database."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "submitted": self.submitted,
                "connection": self.connection,
                "resources": self.resources,
                "patience": self.patience,
                "poll_interval": self.poll_interval,
                "shard_timeout": self.shard_timeout,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again; one event."""
        watch, said = ShardWatch(self.resources, self.patience), (-1, 0.0)
        while True:
            began = time.monotonic()
            event, finished = await self._look(watch)
            if event is not None:
                yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                return
            if finished != said[0] and began - said[1] > _SAY_SECONDS:
                self.log.info("compute_attributions: %d shards are in the store", finished)
                said = finished, began
            # However long a listing takes, looking is a small part of the time.
            await asyncio.sleep(max(self.poll_interval, 10 * (time.monotonic() - began)))

    async def on_kill(self) -> None:
        """Somebody cleared the task or marked it: what it computes is cancelled."""
        from ig_tasks.cluster.published import withdraw

        security = await self._security()
        await asyncio.to_thread(withdraw, self.submitted["address"], self.submitted["dataset"], security)

    async def _look(self, watch: ShardWatch) -> tuple[Event | None, int]:
        """One look: the event, if there is one, and how many shards are in the store."""
        # Imported in a thread: the triggerer's other triggers go on meanwhile.
        look, folder_of = await asyncio.to_thread(_import)
        address, dataset, key = (self.submitted[name] for name in ("address", "dataset", "key"))
        try:
            security = await self._security()
            self._keys, seen = await look(address, dataset, self._keys, key=key, security=security)
        except OSError as error:
            return watch.missing(f"no Dask scheduler answers at {address} ({error}), and none did"), -1
        try:
            # Asked after the scheduler: a task that it calls done has its files there.
            finished = await asyncio.to_thread(_finished, folder_of, self.submitted["run_uri"])
        except OSError as error:
            return watch.missing(f"the store does not answer ({error}), and did not"), -1
        event = watch.judge(self._keys, seen, finished)
        return event or await self._give_up(seen, security), len(finished)

    async def _give_up(self, seen: Any, security: Any) -> Event | None:
        """End workers that have been at a shard for too long; the event, where a second worker was."""
        from ig_tasks.cluster.published import end_stuck

        found = self._stuck.look(seen.running)
        if not found.workers:
            return None
        self.log.warning("compute_attributions: %s: not done within %g s", ", ".join(found.workers), found.seconds)
        address, dataset = self.submitted["address"], self.submitted["dataset"]
        await asyncio.to_thread(end_stuck, address, dataset, found.workers, found.shards, security)
        return stuck(found.shards, found.seconds) if found.shards else None

    async def _security(self) -> Any:
        from ig_tasks.cluster.published import security_of

        settings: Mapping[str, Any] = {}
        if self.connection is not None:
            from ig_tasks.orchestration.hook import DaskHook

            settings = await DaskHook(self.connection).aconfiguration()
        return security_of(settings)


def _import() -> tuple[Any, Any]:
    import distributed.core  # noqa: F401 - slow, so not where the event loop runs

    from ig_tasks.cluster.published import look
    from ig_tasks.store.folder import Folder

    return look, Folder


def _finished(folder_of: Any, run_uri: str) -> set[str]:
    """The shards whose statistics are in the store: they are written last.

    Raises:
        OSError: if the store does not answer.
    """
    from ig_tasks.errors import IgTasksError, brief

    try:
        names = folder_of(run_uri).names("statistics")
    except IgTasksError as error:
        raise OSError(brief(error)) from None
    return {name.partition(".")[0] for name in names}
