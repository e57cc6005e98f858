"""For unit tests: TensorFlow runs what is called as it comes, where users have it traced to graphs first.

Tracing a graph takes some ten times as long as running it once on a small model. Files and tests marked `graphs`,
integration tests, and all tests of the thorough run have graphs as users have them.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from support.sweeps import THOROUGH


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say whether this test has graphs, as soon as TensorFlow is there."""
    if not THOROUGH and hasattr(sys.modules.get("tensorflow"), "config"):
        _Graphs.wanted = item.get_closest_marker("graphs") is not None
        _Graphs.prepare()


class _Graphs:
    wanted = False
    _prepared = False

    @classmethod
    def prepare(cls) -> None:
        """Once: have the Keras backend ask, and have graphs run without rewriting, which changes rounding alone."""
        if cls._prepared:
            return
        import tensorflow as tf

        from ig_tasks.attribution.backends.keras.program import Program

        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        traced = Program._run

        def run(self: Program, name: Any, function: Any, arguments: Any, *others: Any, specs: Any = None) -> Any:
            if cls.wanted:
                return traced(self, name, function, arguments, *others, specs=specs)
            return function(*self._flat(arguments, *others))

        Program._run = run  # type: ignore[method-assign]
        cls._prepared = True
