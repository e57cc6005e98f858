"""Workers get what is on the list, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ig_tasks.cluster.environment import is_allowed, worker_environment


@pytest.mark.parametrize(
    "name",
    [
        "AIRFLOW_HOME", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW_CONN_WAREHOUSE", "_AIRFLOW_PROCESS_CONTEXT",
        "IG_TASKS_AIRFLOW_X", "POSTGRES_PASSWORD", "DATABASE_URL", "SSH_AUTH_SOCK", "GITHUB_TOKEN",
        "PYTHONSTARTUP", "DASK_SCHEDULER_ADDRESS", "DASK_INTERNAL_INHERIT_CONFIG", "IG_TASKS_DASK_ADDRESS",
    ],
)  # fmt: skip
def test_withheld(name: str) -> None:
    assert not is_allowed(name)
    assert name not in worker_environment(threads=1, source={name: "secret"})


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "AWS_SESSION_TOKEN", "AZURE_CLIENT_ID",
        "GOOGLE_APPLICATION_CREDENTIALS", "https_proxy", "HTTPS_PROXY", "IG_TASKS_STORE", "CUDA_HOME",
        "LD_LIBRARY_PATH", "MLFLOW_TRACKING_URI", "SSL_CERT_FILE", "TF_DETERMINISTIC_OPS",
        "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED", "MALLOC_ARENA_MAX",
    ],
)  # fmt: skip
def test_passed_on(name: str) -> None:
    assert worker_environment(threads=1, source={name: "value"})[name] == "value"


def test_every_thread_pool_gets_the_planned_number() -> None:
    environment = worker_environment(threads=3, source={"OMP_NUM_THREADS": "64"})
    for name in ("IG_TASKS_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        assert environment[name] == "3"
    assert environment["TF_NUM_INTEROP_THREADS"] == "1"
    assert (environment["GOMP_SPINCOUNT"], environment["OMP_WAIT_POLICY"]) == ("0", "PASSIVE")


def test_memory_that_a_batch_frees_stays_with_the_worker_unless_the_environment_says_otherwise() -> None:
    kept = worker_environment(threads=1, source={})
    assert int(kept["MALLOC_TRIM_THRESHOLD_"]) > int(kept["MALLOC_MMAP_THRESHOLD_"]) >= 2**25
    assert worker_environment(threads=1, source={"MALLOC_TRIM_THRESHOLD_": "9"})["MALLOC_TRIM_THRESHOLD_"] == "9"


def test_a_worker_sees_its_own_gpu_or_none() -> None:
    source = {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert worker_environment(threads=1, gpu="1", source=source)["CUDA_VISIBLE_DEVICES"] == "1"
    assert worker_environment(threads=1, source=source)["CUDA_VISIBLE_DEVICES"] == "-1"


def test_frameworks_are_quiet_and_keras_runs_on_tensorflow_unless_told_otherwise() -> None:
    assert worker_environment(threads=1, source={})["KERAS_BACKEND"] == "tensorflow"
    assert worker_environment(threads=1, source={})["TF_CPP_MIN_LOG_LEVEL"] == "2"
    assert worker_environment(threads=1, source={"KERAS_BACKEND": "torch"})["KERAS_BACKEND"] == "torch"


def test_workers_find_this_package_wherever_it_was_imported_from() -> None:
    import ig_tasks.cluster.environment as module

    folder = str(Path(module.__file__).resolve().parents[2])
    paths = worker_environment(threads=1, source={"PYTHONPATH": f"/first{os.pathsep}/second"})["PYTHONPATH"]
    assert paths.split(os.pathsep) == [folder, "/first", "/second"]
    again = worker_environment(threads=1, source={"PYTHONPATH": paths})["PYTHONPATH"]
    assert again == paths
