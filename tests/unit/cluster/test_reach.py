"""A client that could not connect leaves nothing behind that stops the next one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ig_tasks.cluster.reach import open_client

NOBODY_LISTENS = "tls://127.0.0.1:1"


@pytest.fixture
def garbage_is_collected_as_a_loop_starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The worst moment for it: the starting loop's thread waits for what its starter holds."""
    import distributed.utils

    original = distributed.utils.get_loop_factory

    def collect() -> Callable[[], Any] | None:
        gc.collect()
        return original()

    monkeypatch.setattr(distributed.utils, "get_loop_factory", collect)
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("garbage_is_collected_as_a_loop_starts")
def test_a_client_without_a_certificate_says_so_each_time() -> None:
    for _ in range(3):
        with pytest.raises(TypeError, match=r"^TLS expects"):
            open_client(NOBODY_LISTENS, 1.0)


@pytest.mark.usefixtures("garbage_is_collected_as_a_loop_starts")
def test_a_scheduler_that_does_not_answer_is_an_error_of_the_system_each_time() -> None:
    for _ in range(2):
        with pytest.raises(OSError, match=r"^Timed out"):
            open_client(NOBODY_LISTENS.replace("tls", "tcp"), 0.1)
