"""The process of a plain worker: run by `plain_worker`, imported by nobody."""

from __future__ import annotations

import contextlib
import importlib
import pickle
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ig_tasks.cluster.launch import end_with_parent
from ig_tasks.cluster.model_loading import note_loading_in
from ig_tasks.cluster.plain_worker import LOADING, Raised
from ig_tasks.cluster.task_results import call_task
from ig_tasks.errors import named
from ig_tasks.expendable import serve
from ig_tasks.import_order import triton_first

__all__ = ["answer", "main"]


def answer(question: bytes) -> Any:
    """What a function of ours gave, or an error of ours as a value; `Raised` for any other."""
    function, task = pickle.loads(question)  # noqa: S301 - of whoever started this
    try:
        return call_task(function, task)
    except Exception as error:  # noqa: BLE001 - it is raised where the question was asked
        traceback.print_exc()
        return Raised(_portable(error), named(error))


def main(arguments: Sequence[str]) -> None:
    """Import what is going to be needed, then answer."""
    parent, scratch, *modules = arguments
    threading.Thread(target=end_with_parent, args=(int(parent), scratch), name="end-with-parent", daemon=True).start()
    note_loading_in(Path(scratch) / LOADING)
    for module in modules:
        # What cannot be imported is said by whoever needs it.
        with contextlib.suppress(Exception):
            if module == "tensorflow":
                triton_first()
            importlib.import_module(module)
    # Nothing more is asked, or nobody takes the answer: whoever started this is gone, or is about to end it. Ending at
    # once would leave the scratch folder to nobody.
    with contextlib.suppress(BrokenPipeError):
        serve(answer, orphaned=False)
    end_with_parent(int(parent), scratch, poll=0.02)


def _portable(error: Exception) -> Exception:
    """The error itself where whoever asked can read it; where its class is of a module of theirs, its words."""
    with contextlib.suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error) and type(error).__module__ in sys.modules:  # noqa: S301
            return error
    return RuntimeError(named(error))


if __name__ == "__main__":
    main(sys.argv[1:])
