"""Models that a worker process has loaded, each once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from ig_tasks.cluster.model_loading import note_loading
from ig_tasks.cluster.threads import limit_threads
from ig_tasks.errors import ModelError

if TYPE_CHECKING:
    from ig_tasks.models import LoadedModel

__all__ = ["cached", "forget", "loaded_model"]

T = TypeVar("T")

# Workers of an existing scheduler live for weeks and see many models: the last few stay.
KEPT = 2
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
        entry: T = _cache[key]
        return entry


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
        note_loading(loading=True)
        loaded = package.load(device=device)
        note_loading(loading=False)
        return loaded

    return cached((digest, device), load)
