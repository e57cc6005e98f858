"""Tasks that outlive their client: published on an existing scheduler, looked after from elsewhere, withdrawn.

The scheduler keeps published tasks at work, whoever comes and goes, and starts them anew when a worker dies. A task is
done when its file lies in the store, not when the scheduler says so: what happens to scheduler and onlookers loses
nothing that was finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.reach import open_client
from ig_tasks.cluster.slow_tasks import Running, ask_running, end_worker
from ig_tasks.cluster.task_results import submit_tasks
from ig_tasks.errors import ResourceError, brief

if TYPE_CHECKING:
    from distributed import Client

    from ig_tasks.cluster.session import ComputeSession

__all__ = ["Look", "end_stuck", "look", "publish", "security_of", "withdraw"]

ANSWER_SECONDS = 10.0
_ENDED = {"memory", "erred"}


@dataclass(frozen=True)
class Look:
    """What a scheduler said of published tasks at one moment.

    Attributes:
        states: {task: its state}; None: the scheduler does not know it (any more).
        workers: the resources that each connected worker offers.
        running: {task: which worker is at it, and for how long}; empty where the scheduler lets nobody ask that.
    """

    states: Mapping[str, str | None]
    workers: tuple[Mapping[str, float], ...]
    running: Mapping[str, Running] = field(default_factory=dict)

    def can_run(self, resources: Mapping[str, float]) -> bool:
        """Whether a worker offers all of `resources`."""
        return any(all(offer.get(name, 0) >= amount for name, amount in resources.items()) for offer in self.workers)

    @property
    def ended(self) -> set[str]:
        """Tasks that returned or raised."""
        return {name for name, state in self.states.items() if state in _ENDED}

    @property
    def unknown(self) -> set[str]:
        """Tasks that the scheduler does not know."""
        return {name for name, state in self.states.items() if state is None}


def publish(
    session: ComputeSession,
    dataset: str,
    function: Callable[..., Any],
    tasks: Mapping[str, Mapping[str, Any]],
    *,
    key: str,
    resources: Mapping[str, float],
    retries: int,
) -> bool:
    """Have `function(**task)` called for each task, also when this client is gone; returns whether that was new.

    Tasks of the dataset that are all still at work, from an earlier client, are left at work.

    Args:
        dataset: the name under which the scheduler keeps the tasks.
        tasks: {name: arguments}.
        key: what the names shown by Dask begin with.

    Raises:
        ResourceError: if no worker offers the resources.
    """
    client = session.client
    session.check_resources(resources)
    if dataset in client.list_datasets():
        if _at_work(client, dataset, set(tasks)):
            return False
        client.unpublish_dataset(dataset)
    attempt = uuid.uuid4().hex[:8]
    keys = [f"{key}-{name}" for name in tasks]
    futures = submit_tasks(
        client, function, list(tasks.values()), keys=keys, attempt=attempt, resources=resources, retries=retries
    )
    try:
        client.publish_dataset(dict(zip(tasks, futures, strict=True)), name=dataset)
    except KeyError:
        # Somebody else did in this moment: their tasks write the same files.
        client.cancel(futures)
        return False
    return True


def _at_work(client: Client, dataset: str, names: set[str]) -> bool:
    try:
        futures = client.get_dataset(dataset)
    except KeyError:
        return False
    if not names <= set(futures):
        return False
    keys = [futures[name].key for name in names]
    states = client.sync(client.scheduler.get_task_status, keys=keys)
    return all(state is not None and state not in _ENDED for state in states.values())


async def look(
    address: str, dataset: str, keys: Mapping[str, str] | None, *, key: str, security: Any
) -> tuple[dict[str, str] | None, Look]:
    """The published tasks ({name: Dask's key}; None: there is no such dataset), and how they are.

    Args:
        keys: of the tasks that are asked for, as an earlier call returned them; None: all that are published.
        key: as `publish` was given it.

    Raises:
        OSError: if the scheduler does not answer in some seconds.
    """
    from distributed.core import rpc

    connection = security.get_connection_args("client")
    try:
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            rpc(address, timeout=ANSWER_SECONDS, connection_args=connection, deserialize=False) as scheduler,
        ):
            if keys is None:
                (published,) = await scheduler.publish_get(names=(dataset,))
                keys = None if published is None else {_name_of(str(k), key): str(k) for k in published["keys"]}
            states = await scheduler.get_task_status(keys=list(keys.values())) if keys else {}
            known = await scheduler.identity()
            at_work = await ask_running(scheduler)
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise OSError(brief(error)) from None
    offers = tuple(dict(worker.get("resources") or {}) for worker in known["workers"].values())
    named = {name: states.get(known_key) for name, known_key in (keys or {}).items()}
    running = {name: at_work[known_key] for name, known_key in (keys or {}).items() if known_key in at_work}
    return None if keys is None else dict(keys), Look(named, offers, running)


def _name_of(whole: str, key: str) -> str:
    """The task's name within a key that `publish` made."""
    return whole.removeprefix(f"{key}-").rsplit("-", 1)[0]


def withdraw(address: str, dataset: str, security: Any = None) -> bool:
    """Cancel what is left of published tasks, and forget them; returns whether the scheduler answered."""
    with contextlib.suppress(OSError, TimeoutError, RuntimeError, TypeError, ValueError):
        with open_client(address, ANSWER_SECONDS, security=security) as client:
            if dataset in client.list_datasets():
                futures = client.get_dataset(dataset)
                client.cancel(list(futures.values()), force=True)
                client.unpublish_dataset(dataset)
        return True
    return False


def end_stuck(
    address: str, dataset: str, workers: Collection[str], names: Collection[str], security: Any = None
) -> None:
    """End workers that do not come to an end; of published tasks `names` are given to no other worker."""
    with (
        contextlib.suppress(OSError, TimeoutError, RuntimeError, TypeError, ValueError, KeyError),
        open_client(address, ANSWER_SECONDS, security=security) as client,
    ):
        if names:
            # First of all: Dask would give them to another worker at the moment in which theirs ends.
            futures = client.get_dataset(dataset)
            client.cancel([futures[name] for name in names], force=True)
        for worker in workers:
            end_worker(client, worker)


def security_of(settings: Mapping[str, Any]) -> Any:
    """How to speak to a scheduler whose TLS files these settings of Dask name; the process's own where they are empty.

    Raises:
        ResourceError: if a file cannot be read.
    """
    import dask
    from distributed import Security

    with dask.config.set(dict(settings)):
        security = Security()
    try:
        security.get_connection_args("client")
    except OSError as error:
        raise ResourceError(f"TLS for Dask: {brief(error)}; see to the files of the certificate") from None
    return security
