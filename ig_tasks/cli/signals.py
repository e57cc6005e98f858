"""Ctrl-C and SIGTERM: the command ends what it started, says one line, and exits as shells expect it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Terminated", "code_of", "stoppable"]

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Terminated(BaseException):
    """Somebody sent SIGTERM."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM raises, so that everything is closed; the second ends at once.

    Raises:
        KeyboardInterrupt: for SIGINT.
        Terminated: for SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        for each in _STOPPING:
            signal.signal(each, lambda again, _: os._exit(code_of(again)))
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    # A signal that is ignored, as SIGINT of a job in the background, stays ignored.
    before = {each: signal.getsignal(each) for each in _STOPPING if signal.getsignal(each) != signal.SIG_IGN}
    for each in before:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def code_of(number: int) -> int:
    """The exit code of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM."""
    return 128 + number
