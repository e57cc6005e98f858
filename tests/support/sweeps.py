"""Two sizes of sweeps: what would still have caught the faults they were written for, and all (`make thorough`).

Assertions and tolerances are the same in both. Beside a small size stands what it has to hold.
"""

from __future__ import annotations

import os
from typing import TypeVar

__all__ = ["THOROUGH", "sized"]

THOROUGH = os.environ.get("IG_TASKS_TESTS", "") == "thorough"
Size = TypeVar("Size")


def sized(quick: Size, thorough: Size) -> Size:
    """The size of a sweep: rows, examples, or the cases themselves."""
    return thorough if THOROUGH else quick
