"""Whether client, scheduler and workers run the same code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FRAMEWORKS", "version_skew"]

# What both sides must agree on for tasks and results to mean the same: the interpreter's minor version and
# the packages that carry code between processes. Dask compares numpy, pandas and more, and only warns.
REQUIRED = ("python", "dask", "distributed", "cloudpickle", "msgpack", "ig-tasks")
FRAMEWORKS = ("torch", "tensorflow", "keras")
"""What only workers need, and what has to be the same on all that have it: shards of one run are computed by many."""
RUNS_NO_TASKS = frozenset({"msgpack", "ig-tasks"})  # not asked of the scheduler, which runs no task


def version_skew(versions: Mapping[str, Any]) -> str:
    """The required packages whose versions differ, as one line ("dask 2026.8.0 here, 2026.1.0 on a worker").

    `versions` is what `Client.get_versions(packages=["ig-tasks"])` returns. Empty when all agree. A package
    that is not installed here (a source tree on the path) cannot be compared.
    """
    here = versions["client"]["packages"]
    others = [("a worker", worker) for worker in versions["workers"].values()]
    others.append(("the scheduler", versions["scheduler"]))
    differences: list[str] = []
    for package in REQUIRED:
        ours = _comparable(package, here.get(package))
        if ours is None:
            continue
        for who, other in others:
            if who == "the scheduler" and package in RUNS_NO_TASKS:
                continue
            # An answer that is no mapping means that the process could not say.
            packages = other.get("packages", {}) if isinstance(other, Mapping) else {}
            theirs = _comparable(package, packages.get(package))
            if theirs != ours:
                differences.append(f"{package} {ours} here, {theirs or 'absent'} on {who}")
                break
    return "; ".join(differences + _frameworks_apart(versions["workers"]))


def _frameworks_apart(workers: Mapping[str, Any]) -> list[str]:
    """Frameworks of which two workers have different versions; builds of one version (`+cpu`) are alike."""
    apart = []
    for package in FRAMEWORKS:
        answers = (worker.get("packages", {}) for worker in workers.values() if isinstance(worker, Mapping))
        found = {str(version).partition("+")[0] for answer in answers if (version := answer.get(package))}
        if len(found) > 1:
            first, second, *_ = sorted(found)
            apart.append(f"{package} {first} on a worker, {second} on another")
    return apart


def _comparable(package: str, version: str | None) -> str | None:
    return ".".join(version.split(".")[:2]) if version and package == "python" else version
