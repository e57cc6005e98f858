"""What the last stages import, imported by a thread while the first ones wait for their workers.

Great Expectations and the chart library take seconds to import, and a small run takes not many more.
"""

from __future__ import annotations

import contextlib
import importlib
import threading

from ig_tasks.validation.expectations import import_library

__all__ = ["import_ahead"]


def import_ahead() -> threading.Thread:
    """Begin to import; whoever needs a module meanwhile waits until it is there. The thread ends with the process."""
    thread = threading.Thread(target=_import, name="import-ahead", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    # Who needs a module that cannot be imported imports it again, and says what is wrong.
    with contextlib.suppress(Exception):
        import_library()
        importlib.import_module("altair")
