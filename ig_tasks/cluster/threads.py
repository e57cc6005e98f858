"""The number of threads that a framework may use in a worker process."""

from __future__ import annotations

import contextlib
import os

from ig_tasks.cluster.environment import THREADS
from ig_tasks.import_order import triton_first

__all__ = ["limit_threads"]


def limit_threads(framework: str) -> int | None:
    """Give `framework` ("torch" or "tensorflow") the threads that this worker was planned with, before it is used.

    Returns the number, or None where the environment names none (a foreign worker: it is left alone). Dask's
    own settings reach OpenMP and MKL, not torch's and TensorFlow's pools.
    """
    value = os.environ.get(THREADS) or os.environ.get("OMP_NUM_THREADS") or ""
    if not value.isdigit() or int(value) < 1:
        return None
    threads = int(value)
    # Both refuse once their pools are running, which then began with the same number from the environment.
    if framework == "torch":
        try:
            import torch
        except ImportError:  # the loader says what to install
            return threads
        torch.set_num_threads(threads)
        with contextlib.suppress(RuntimeError):
            torch.set_num_interop_threads(1)
    elif framework == "tensorflow":
        triton_first()
        try:
            import tensorflow as tf
        except ImportError:
            return threads
        with contextlib.suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
    return threads
