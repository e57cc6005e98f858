"""What the last stages need, made ready while the first ones wait for their workers.

Great Expectations takes seconds to import, the process that draws charts a second to start, and a small run takes not
many more.
"""

from __future__ import annotations

import contextlib
import threading

from ig_tasks.reports.page_drawing import begin_drawing
from ig_tasks.validation.expectations import import_library

__all__ = ["import_ahead"]


def import_ahead() -> threading.Thread:
    """Begin to import; whoever needs a module meanwhile waits until it is there. The thread ends with the process.

    To be called within `drawing_ahead`.
    """
    begin_drawing()
    thread = threading.Thread(target=_import, name="import-ahead", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    # Who needs a module that cannot be imported imports it again, and says what is wrong.
    with contextlib.suppress(Exception):
        import_library()
