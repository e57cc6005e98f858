"""For unit tests: TensorFlow's graphs run as they are traced."""

from __future__ import annotations

import sys

from support.sweeps import THOROUGH

_DONE: list[bool] = []


def pytest_runtest_setup() -> None:
    """Have TensorFlow run graphs without rewriting them first, which takes longer than running one of a small model.

    Rewriting changes rounding alone. Integration tests, and all tests of the thorough run, have it as users have.
    """
    tensorflow = sys.modules.get("tensorflow")
    if not _DONE and not THOROUGH and hasattr(tensorflow, "config"):
        tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        _DONE.append(True)
