"""What connected workers offer, and what is missing of what a spec asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ig_tasks.cluster.amounts import workers_counted
from ig_tasks.cluster.sizing import resource_hint

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["can_run", "missing_words", "offered", "worker_infos"]

Workers = Mapping[str, Mapping[str, Any]]
"""{address: what the scheduler knows of a worker}."""


def worker_infos(client: Client) -> Workers:
    """The workers that are connected."""
    return dict(client.scheduler_info(n_workers=-1)["workers"])


def offered(workers: Workers) -> dict[str, float]:
    """For each resource, the most that one worker offers."""
    offers: dict[str, float] = {}
    for worker in workers.values():
        for name, amount in (worker.get("resources") or {}).items():
            offers[name] = max(offers.get(name, 0.0), float(amount))
    return offers


def can_run(workers: Workers, resources: Mapping[str, float]) -> bool:
    """Whether a worker offers all of `resources`."""
    return any(
        all((worker.get("resources") or {}).get(name, 0) >= amount for name, amount in resources.items())
        for worker in workers.values()
    )


def missing_words(workers: Workers, resources: Mapping[str, float], where: str) -> str:
    """The message where no worker offers all of `resources`; `where`: the workers are."""
    offers = offered(workers)
    name, amount = next(((n, a) for n, a in resources.items() if offers.get(n, 0.0) < a), next(iter(resources.items())))
    if offers.get(name, 0.0) >= amount:
        why = "none offers all of compute.resources together"
    elif name in offers:
        why = f"none offers more than {name}={offers[name]:g}"
    else:
        why = f"none offers it{resource_hint(name, offers)}"
    return (
        f"compute.resources asks for {name}={amount:g}; of {workers_counted(len(workers))} {where} {why}; change "
        f"compute.resources, or start workers with --resources {name}={amount:g}"
    )
