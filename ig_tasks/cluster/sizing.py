"""How many workers a machine carries, and how its cores and memory are shared among them.

Dask sees N single-thread workers; the frameworks inside get the remaining cores as threads, so that
workers x threads never exceeds the cores that this process may use (affinity and cgroup quota included).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ig_tasks.cluster.amounts import gigabytes
from ig_tasks.errors import ResourceError, suggest

if TYPE_CHECKING:
    from ig_tasks.spec import ComputeSpec

__all__ = ["MEMORY_PER_WORKER", "Machine", "WorkerPlan", "plan_workers", "resource_hint"]

# Both frameworks imported take 0.9 GB; a shard, its batches and room to spill need as much again.
MEMORY_PER_WORKER = 2 * 10**9
# The scheduler, the task itself and the page cache live on the rest.
WORKERS_SHARE_OF_MEMORY = 0.9
GPU = "GPU"


@dataclass(frozen=True)
class Machine:
    """What this process may use: `cores`, `memory` in bytes, `gpus` by index or UUID."""

    cores: int
    memory: int
    gpus: tuple[str, ...] = ()

    @classmethod
    def here(cls, *, root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Machine:
        """The machine as this process sees it, limits of its container included."""
        cores = min(_affinity(), _cgroup_cores(root) or _affinity())
        memory = min([psutil.virtual_memory().total, *_cgroup_memory(root)])
        return cls(cores=cores, memory=memory, gpus=_visible_gpus(environment))


@dataclass(frozen=True)
class WorkerPlan:
    """`workers` processes of one Dask thread, each with `threads` framework threads and `memory_limit` bytes.

    `gpus` names the GPU of each worker, or is empty; `resources` is what each worker offers to Dask.
    """

    workers: int
    threads: int
    memory_limit: int
    gpus: tuple[str, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)

    def describe(self) -> str:
        """What a worker has: `2 threads and 11.4 GB each`."""
        gpu = ", one GPU each" if self.gpus else ""
        return f"{self.threads} thread{'s' * (self.threads > 1)} and {gigabytes(self.memory_limit)} each{gpu}"


def plan_workers(compute: ComputeSpec, machine: Machine, *, useful: int | None = None) -> WorkerPlan:
    """Share the machine among embedded workers.

    `auto` starts no more than `useful` workers, each with the share that it would have beside all of them: more threads
    add up in another order, and a small job would have other last digits.

    Raises `ResourceError` when `compute.resources` asks for what embedded workers cannot offer: they offer
    one GPU each, where there is one, and nothing else.
    """
    wants_gpu = GPU in compute.resources
    offered = {GPU: 1.0} if machine.gpus else {}
    for name, amount in compute.resources.items():
        if name not in offered:
            raise ResourceError(
                f"compute.resources asks for {name}={amount:g}, which workers started on this machine do not "
                f"offer{resource_hint(name, offered)}; remove it, or name a scheduler whose "
                "workers offer it in compute.address"
            )
        if amount > offered[name]:
            raise ResourceError(
                f"compute.resources asks for {name}={amount:g} a task, and each worker offers "
                f"{offered[name]:g}; ask for {name}: {offered[name]:g} at most"
            )
    if wants_gpu:
        wanted = len(machine.gpus) if compute.workers == "auto" else compute.workers
        workers = min(wanted, len(machine.gpus))
    elif compute.workers == "auto":
        workers = max(1, min(machine.cores, machine.memory // MEMORY_PER_WORKER))
    else:
        workers = compute.workers
    started = workers if compute.workers != "auto" or useful is None else max(1, min(workers, useful))
    return WorkerPlan(
        workers=started,
        threads=max(1, machine.cores // workers),
        memory_limit=int(machine.memory * WORKERS_SHARE_OF_MEMORY) // workers,
        gpus=machine.gpus[:started] if wants_gpu else (),
        resources=offered if wants_gpu else {},
    )


def resource_hint(name: str, offered: Iterable[str]) -> str:
    """The tail of a message about a resource that is not offered. Dask tells upper case from lower."""
    known = list(offered)
    same = next((other for other in known if other.casefold() == name.casefold()), name)
    return suggest(same, known, noun="resources") if known else ""


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_folders(root: Path, controller: str) -> list[Path]:
    """This process's cgroup folders for one controller, innermost first; version 2 where `cgroup.controllers` is.

    Inside a container the path in /proc/self/cgroup may be the host's: the mounted root is always looked at.
    """
    base = root / "sys/fs/cgroup"
    unified = (base / "cgroup.controllers").exists()
    if not unified:
        base = base / controller
    inner = ""
    try:
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if (unified and not names) or (not unified and controller in names.split(",")):
                inner = path.strip("/")
    except (OSError, ValueError):
        pass
    folder = base / inner
    folders = [folder]
    while folder != base:
        folder = folder.parent
        folders.append(folder)
    return folders


def _read_numbers(file: Path) -> list[int | None]:
    """The whitespace-separated numbers of a cgroup file; "max" and -1 (no limit) are None; [] when absent."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return [int(word) if word.isdigit() else None for word in words]


def _cgroup_cores(root: Path) -> int | None:
    """Whole cores of the tightest CPU quota (at least 1), or None when there is no quota."""
    limits: list[int] = []
    for folder in _cgroup_folders(root, "cpu"):
        values = _read_numbers(folder / "cpu.max") or [
            *_read_numbers(folder / "cpu.cfs_quota_us"),
            *_read_numbers(folder / "cpu.cfs_period_us"),
        ]
        if len(values) == 2 and values[0] and values[1]:
            limits.append(max(1, values[0] // values[1]))
    return min(limits, default=None)


def _cgroup_memory(root: Path) -> list[int]:
    """Every memory limit in bytes that holds for this process."""
    limits: list[int] = []
    for folder in _cgroup_folders(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limits += [value for value in _read_numbers(folder / name) if value]
    return limits


def _visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that a worker could use, asked of the driver: no framework may be imported in this process."""
    command = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if command is None:
        return ()
    try:
        answer = subprocess.run(
            [command, "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    present = tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not present:
        return present
    visible: list[str] = []
    for name in (part.strip() for part in chosen.split(",")):
        # CUDA's own rule: the list ends at the first entry that is no device.
        if not name or name.startswith("-") or (name.isdigit() and name not in present):
            break
        visible.append(name)
    return tuple(visible)
