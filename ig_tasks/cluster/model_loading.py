"""Whether a worker's task is loading a model: workers tell their scheduler, and should one die, the job asks."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["is_loading", "note_loading", "note_loading_in"]

_TOPIC = "ig-tasks-models"
_files: list[Path] = []


def note_loading_in(file: Path) -> None:
    """Have a file there for as long as this process loads a model: whoever outlives it looks there."""
    _files[:] = [file]


def note_loading(*, loading: bool) -> None:
    """Tell the scheduler that this worker's task is about to load a model, or has: should it die, one knows at what."""
    for file in _files:
        file.touch() if loading else file.unlink(missing_ok=True)
    distributed = sys.modules.get("distributed")
    if distributed is None:  # not in a worker of Dask
        return
    with contextlib.suppress(ValueError, KeyError):  # likewise
        worker = distributed.get_worker()
        worker.log_event(_TOPIC, {"key": str(worker.get_current_task()), "loading": loading})


def is_loading(client: Client, key: str) -> bool:
    """Whether the last that was heard of a task is that it began to load a model."""
    loading_events: list[bool] = []
    with contextlib.suppress(OSError, TimeoutError, RuntimeError):  # a scheduler that is lost, too, tells nothing
        loading_events = [event["loading"] for _, event in client.get_events(_TOPIC) if event["key"] == str(key)]
    return bool(loading_events) and loading_events[-1]
