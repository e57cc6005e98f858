"""Health checks for containers: whether a Dask scheduler answers, and whether this host's worker is known to it.

`python -m ig_tasks.cluster.health scheduler tcp://dask-scheduler:8786`
`python -m ig_tasks.cluster.health worker tcp://dask-scheduler:8786 [RESOURCE]`

Exit code 0 and a line on standard output when all is well; 1 and a line on standard error when it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import psutil

from ig_tasks.cluster.reach import open_client
from ig_tasks.errors import brief

__all__ = ["main", "workers_of_this_host"]

ANSWER_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Check what `arguments` name: a role ("scheduler" or "worker"), an address, for a worker a resource."""
    if len(arguments) not in (2, 3) or arguments[0] not in ("scheduler", "worker"):
        return _fail("usage: python -m ig_tasks.cluster.health scheduler|worker ADDRESS [RESOURCE]")
    role, address, *resource = arguments
    try:
        workers = _registered(address)
    except (OSError, ValueError, TypeError) as error:
        return _fail(f"no Dask scheduler answers at {address}: {brief(error)}")
    if role == "scheduler":
        print(f"healthy, {len(workers)} workers")  # noqa: T201 - what a health check is for
        return 0
    own = workers_of_this_host(workers, _listening_ports())
    if not own:
        return _fail(f"no worker of this host is registered at {address} ({len(workers)} others are)")
    if resource and not all((worker.get("resources") or {}).get(resource[0]) for worker in own.values()):
        return _fail(f"a worker of this host does not offer {resource[0]}")
    print(f"healthy, {len(own)} of {len(workers)} workers are here")  # noqa: T201
    return 0


def workers_of_this_host(
    workers: Mapping[str, Mapping[str, Any]], listening: set[tuple[str, int]]
) -> dict[str, Mapping[str, Any]]:
    """Those of the scheduler's workers whose address somebody listens on here (as is, or on every address)."""
    own: dict[str, Mapping[str, Any]] = {}
    for address, worker in workers.items():
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if {(host.strip("[]"), int(port)), ("0.0.0.0", int(port)), ("::", int(port))} & listening:  # noqa: S104
            own[address] = worker
    return own


def _registered(address: str) -> dict[str, dict[str, Any]]:
    with open_client(address, ANSWER_SECONDS) as client:
        return dict(client.scheduler_info(n_workers=-1)["workers"])


def _listening_ports() -> set[tuple[str, int]]:
    """(address, port) on which somebody listens in this network namespace, which in a container is its own."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr
    }


def _fail(line: str) -> int:
    print(line, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
