"""What lives in a worker process: the loaded model, once, and the number of threads a framework may use."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from ig_tasks.compute.environment import THREADS
from ig_tasks.errors import ModelError
from ig_tasks.import_order import triton_first

if TYPE_CHECKING:
    from distributed import Client

    from ig_tasks.models import LoadedModel

__all__ = ["cached", "forget", "is_loading", "limit_threads", "loaded_model"]

T = TypeVar("T")

# Workers of an existing scheduler live for weeks and see many models: the last few stay.
KEPT = 2
_TOPIC = "ig-tasks-models"

_lock = threading.RLock()
_cache: OrderedDict[Hashable, Any] = OrderedDict()


def cached(key: Hashable, load: Callable[[], T]) -> T:
    """The value of `key` in this process; `load` makes it when it is not there, in one thread at a time."""
    with _lock:
        if key not in _cache:
            value = load()
            _cache[key] = value
            while len(_cache) > KEPT:
                _cache.popitem(last=False)
        _cache.move_to_end(key)
        found: T = _cache[key]
        return found


def forget() -> None:
    """Empty this process's cache."""
    with _lock:
        _cache.clear()


def loaded_model(
    uri: str, digest: str, *, trust: str | None = None, trusted_root: str | None = None, device: str | None = None
) -> LoadedModel:
    """The model of the package at `uri`, loaded once in this process for each digest and device.

    `digest` ("sha256:...") is the package's when the run began. Raises `ModelError` when the package has
    changed since, and what `open_package` and `load` raise.
    """

    def load() -> LoadedModel:
        from ig_tasks.models import open_package

        package = open_package(uri, trust=trust, trusted_root=trusted_root)
        if package.digest != digest:
            raise ModelError(
                f"model.uri: the package at {uri} is no longer the one that the run began with "
                f"({package.digest[:19]}..., not {digest[:19]}...); start the run again"
            )
        limit_threads(package.config.framework)
        _tell(loading=True)
        loaded = package.load(device=device)
        _tell(loading=False)
        return loaded

    return cached((digest, device), load)


def _tell(*, loading: bool) -> None:
    """Tell the scheduler that this worker's task is about to load a model, or has: should it die, one knows at what."""
    distributed = sys.modules.get("distributed")
    if distributed is None:  # not in a worker
        return
    with contextlib.suppress(ValueError, KeyError):  # likewise
        worker = distributed.get_worker()
        worker.log_event(_TOPIC, {"key": str(worker.get_current_task()), "loading": loading})


def is_loading(client: Client, key: str) -> bool:
    """Whether the last that was heard of a task is that it began to load a model."""
    told: list[bool] = []
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):  # a scheduler that is lost, too, tells nothing
        told = [event["loading"] for _, event in client.get_events(_TOPIC) if event["key"] == str(key)]
    return bool(told) and told[-1]


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
