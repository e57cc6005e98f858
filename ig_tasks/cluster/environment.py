"""The environment that worker processes start with: an allow-list, never a copy.

A task of Airflow holds database passwords, connections and the key that signs its API tokens in its
environment; model code has no business with them. Workers get what processes need to run (paths, locale,
proxies), the ambient credentials of object stores, the settings of the frameworks, and nothing else.
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ALLOCATOR", "THREADS", "is_allowed", "worker_environment"]

THREADS = "IG_TASKS_THREADS"
"""Framework threads of one worker process (a whole number); read by `compute.worker`."""

ALLOWED_NAMES = frozenset({
    "CONDA_PREFIX", "CURL_CA_BUNDLE", "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LD_PRELOAD", "LOGNAME",
    "NO_PROXY", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONUNBUFFERED", "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    "ALL_PROXY", "FTP_PROXY", "HTTPS_PROXY", "HTTP_PROXY",
    "all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy",
})  # fmt: skip
ALLOWED_PREFIXES = (
    "LC_", "XDG_",
    "AWS_", "AZURE_", "CLOUDSDK_", "FSSPEC_", "GCLOUD_", "GOOGLE_",  # object stores: ambient credentials
    "MLFLOW_",  # the model registry: its address and credentials
    "CUDA_", "CUDNN_", "HF_", "KERAS_", "NCCL_", "NVIDIA_", "PYTORCH_", "TF_", "TORCH_", "XLA_",
    "DASK_", "IG_TASKS_", "MALLOC_",
)  # fmt: skip

# Addresses and settings of the parent's own cluster: a worker that found them would talk to it.
WITHHELD_NAMES = frozenset({"DASK_SCHEDULER_ADDRESS", "DASK_INTERNAL_INHERIT_CONFIG", "IG_TASKS_DASK_ADDRESS"})

ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": str(256 * 1024**2), "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2)}
"""What glibc keeps of freed memory, unless the environment says otherwise.

A batch allocates and frees the same arrays again and again. Dask's nanny sets a trim threshold of 64 KB where the
environment names none: each batch then hands its pages back to the kernel, which clears them for the next one, and that
is a third of a worker's time. The greatest mmap threshold that every glibc takes is 32 MB.
"""


def is_allowed(name: str) -> bool:
    """Whether a variable of this name reaches a worker. No name of Airflow's does."""
    if name in WITHHELD_NAMES or "AIRFLOW" in name.upper():
        return False
    return name in ALLOWED_NAMES or name.startswith(ALLOWED_PREFIXES)


def worker_environment(
    *, threads: int, gpu: str | None = None, source: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The environment of one worker process.

    `threads` is the number of threads that torch, TensorFlow and BLAS may use in it; `gpu` the one device
    it sees (None: it sees none, since TensorFlow would otherwise take the memory of every GPU it finds).
    """
    environment = {name: value for name, value in source.items() if is_allowed(name)}
    environment.update(dict.fromkeys(
        (THREADS, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
         "TF_NUM_INTRAOP_THREADS"), str(threads),
    ))  # fmt: skip
    environment["TF_NUM_INTEROP_THREADS"] = "1"
    # Without these, two processes that contend for the cores ran 5-6 times slower: OpenMP threads spin
    # while they wait, on the cores that the other process needs.
    environment["GOMP_SPINCOUNT"] = "0"
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    environment["CUDA_VISIBLE_DEVICES"] = "-1" if gpu is None else gpu
    environment = {**ALLOCATOR, **environment}
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    environment.setdefault("KERAS_BACKEND", "tensorflow")
    environment["PYTHONPATH"] = _with_own_package(environment.get("PYTHONPATH", ""))
    return {name: value for name, value in environment.items() if value}


def _with_own_package(python_path: str) -> str:
    """The path with the folder in front from which this package was imported, unless it is installed."""
    folder = str(Path(__file__).resolve().parents[2])
    paths = [part for part in python_path.split(os.pathsep) if part]
    if folder in {*paths, *sysconfig.get_paths().values()}:
        return os.pathsep.join(paths)
    return os.pathsep.join([folder, *paths])
