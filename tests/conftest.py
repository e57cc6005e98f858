"""For all tests: both frameworks come to be in one process, where triton has to come first; no disk is waited for."""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator
from operator import attrgetter

import pytest
from support.heavy import heaviest_first

from ig_tasks.import_order import triton_first

triton_first()
# Who runs the tests in the background of a script has SIGINT ignored, and so has every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_disk_is_waited_for() -> Iterator[None]:
    """A run has some fifty files that are to outlast a power cut; those of tests need not, and a busy disk is slow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def pytest_runtest_setup() -> None:
    """Keep absl, which TensorFlow logs by, from closing pytest's capture, and give untrained models the same weights.

    absl holds the standard error of the moment when it was imported, which is pytest's file. Whoever configures
    logging anew ends all handlers, and absl's closes its file unless it is standard error at that moment; under
    `capsys` another one is. Every test behind would fail.
    """
    if "absl.logging" in sys.modules:
        handler = sys.modules["absl.logging"].get_absl_handler()
        handler.python_handler.stream = sys.__stderr__
    for framework, seed in (("torch", "manual_seed"), ("keras", "utils.set_random_seed")):
        if framework in sys.modules and hasattr(sys.modules[framework], "utils"):  # imported to its end
            with _tensorflows_own_seed_kept():
                attrgetter(seed)(sys.modules[framework])(0)


@contextlib.contextmanager
def _tensorflows_own_seed_kept() -> Iterator[None]:
    """Keras draws weights without it, and setting it throws away every graph that was made ready to run.

    A small model that is shared takes 0.14 s to be explained after that, and 0.01 s else.
    """
    tensorflow = sys.modules.get("tensorflow")
    if not hasattr(tensorflow, "random"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensorflow.random, "set_seed", lambda seed: None)
        yield


def pytest_collection_finish() -> None:
    """What the imports made stays to the end: the collector need not walk through millions of objects each time."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long begin first: two processes then end at about the same time."""
    items.sort(key=lambda item: heaviest_first(item.path))
