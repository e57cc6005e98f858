"""How long tests wait for what should happen soon.

A limit here is no claim about speed: it ends what hangs. A machine that is busy with something else takes ten times as
long as a quiet one, and its tests pass as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["PATIENCE", "until"]

PATIENCE = 600.0
"""Seconds."""


def until(condition: Callable[[], object], what: str, *, every: float = 0.05) -> None:
    """Return as soon as `condition()` is true. Raises AssertionError, with `what` was waited for, if it stays false."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE:g} s for {what}"
        time.sleep(every)
