"""Workers, threads and memory from what the machine gives, container limits included."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from ig_tasks.cluster.sizing import Machine, plan_workers
from ig_tasks.errors import ResourceError
from ig_tasks.spec import ComputeSpec

GB = 10**9


def write(root: Path, name: str, text: str) -> None:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(("useful", "started"), [(None, 4), (9, 4), (3, 3), (1, 1), (0, 1)])
def test_no_more_workers_than_have_something_to_do_each_with_its_share(useful: int | None, started: int) -> None:
    machine = Machine(8, 8 * GB)
    all_of_them, plan = plan_workers(ComputeSpec(), machine), plan_workers(ComputeSpec(), machine, useful=useful)
    assert (plan.workers, plan.threads, plan.memory_limit) == (started, 2, all_of_them.memory_limit)
    assert plan_workers(ComputeSpec(workers=3), machine, useful=1).workers == 3  # as the spec says


@pytest.mark.parametrize(
    ("cores", "memory", "workers", "threads"),
    [
        (2, 24 * GB, 2, 1),
        (8, 16 * GB, 8, 1),
        (16, 8 * GB, 4, 4),  # memory carries four: each gets a quarter of the cores
        (6, 9 * GB, 4, 1),  # never more threads than cores
        (4, 1 * GB, 1, 4),  # less than one worker's need is still one worker
    ],
)
def test_workers_are_bounded_by_cores_and_by_memory(cores: int, memory: int, workers: int, threads: int) -> None:
    plan = plan_workers(ComputeSpec(), Machine(cores, memory))
    assert (plan.workers, plan.threads) == (workers, threads)
    assert plan.workers * plan.threads <= cores
    assert plan.memory_limit * plan.workers <= 0.9 * memory
    assert plan.memory_limit * plan.workers > 0.89 * memory
    assert (plan.gpus, dict(plan.resources)) == ((), {})


def test_a_number_of_workers_in_the_spec_wins() -> None:
    plan = plan_workers(ComputeSpec(workers=3), Machine(8, 4 * GB))
    assert (plan.workers, plan.threads) == (3, 2)
    assert plan.memory_limit == int(4 * GB * 0.9) // 3


def test_one_worker_a_gpu_when_the_spec_asks_for_one() -> None:
    machine = Machine(16, 64 * GB, gpus=("0", "1"))
    plan = plan_workers(ComputeSpec(resources={"GPU": 1}), machine)
    assert (plan.workers, plan.threads, plan.gpus, dict(plan.resources)) == (2, 8, ("0", "1"), {"GPU": 1.0})
    assert plan_workers(ComputeSpec(resources={"GPU": 1}, workers=5), machine).workers == 2
    one = plan_workers(ComputeSpec(resources={"GPU": 1}, workers=1), machine)
    assert (one.workers, one.gpus) == (1, ("0",))


def test_gpus_that_nobody_asked_for_are_left_alone() -> None:
    plan = plan_workers(ComputeSpec(), Machine(4, 64 * GB, gpus=("0",)))
    assert (plan.workers, plan.gpus, dict(plan.resources)) == (4, (), {})


@pytest.mark.parametrize(
    ("resources", "gpus", "said"),
    [
        ({"GPU": 1}, (), r"compute\.resources asks for GPU=1, .* do not offer; remove it, or name"),
        ({"gpu": 1}, ("0",), r"asks for gpu=1, .* did you mean 'GPU'\? resources: GPU"),
        ({"GPU": 2}, ("0", "1"), r"asks for GPU=2 a task, and each worker offers 1; ask for GPU: 1 at most"),
        ({"GPU": 1, "MEMORY": 3}, ("0",), r"asks for MEMORY=3"),
    ],
)
def test_what_embedded_workers_cannot_offer_is_said_before_anything_starts(
    resources: dict[str, float], gpus: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ResourceError, match=said) as caught:
        plan_workers(ComputeSpec(resources=resources), Machine(4, 8 * GB, gpus))
    assert "\n" not in str(caught.value)


def test_no_limits_means_the_whole_machine(tmp_path: Path) -> None:
    machine = Machine.here(root=tmp_path, environment={})
    assert machine.memory == psutil.virtual_memory().total
    assert machine.cores >= 1
    assert machine.gpus == ()


def test_the_tightest_limit_of_nested_version_2_groups_holds(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/kubepods/pod7/app\n")
    write(tmp_path, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/pod7/app/memory.max", "max\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/pod7/memory.max", "3000000000\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/memory.max", "9000000000\n")
    write(tmp_path, "sys/fs/cgroup/kubepods/pod7/app/cpu.max", "150000 100000\n")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "max 100000\n")
    machine = Machine.here(root=tmp_path, environment={})
    assert machine.memory == 3 * GB
    assert machine.cores == 1  # one and a half cores carry one busy thread


def test_version_1_groups_and_a_path_of_the_host_are_read(tmp_path: Path) -> None:
    # A container of version 1 sees the host's path, which is not mounted, and its own limits at the root.
    write(tmp_path, "proc/self/cgroup", "4:memory:/docker/0a1b\n3:cpu,cpuacct:/docker/0a1b\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "2500000000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    machine = Machine.here(root=tmp_path, environment={})
    assert (machine.memory, machine.cores) == (2_500_000_000, 1)


def test_version_1_without_limits(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "4:memory:/\n3:cpu:/\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    unlimited = Machine.here(root=tmp_path / "absent", environment={})
    assert Machine.here(root=tmp_path, environment={}) == unlimited


@pytest.mark.parametrize(
    ("visible", "seen"),
    [
        (None, ("0", "1")),
        ("1", ("1",)),
        ("1,0", ("1", "0")),
        ("0,7,1", ("0",)),  # CUDA stops at the first entry that is no device
        ("-1", ()),
        ("", ()),
        ("GPU-abc", ("GPU-abc",)),
    ],
)
def test_gpus_are_asked_of_the_driver_and_the_environment(
    tmp_path: Path, visible: str | None, seen: tuple[str, ...]
) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    driver.chmod(0o755)
    environment = {"PATH": str(tmp_path)} | ({} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert Machine.here(environment=environment).gpus == seen


def test_a_driver_that_fails_means_no_gpu(tmp_path: Path) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nexit 9\n")
    driver.chmod(0o755)
    assert Machine.here(environment={"PATH": str(tmp_path)}).gpus == ()
