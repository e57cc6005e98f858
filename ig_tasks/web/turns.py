"""Turns at what takes long: a few requests at once, a few more that wait, and the others are told so at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ig_tasks.web.refusals import BusyError

__all__ = ["Turns"]


class Turns:
    """Turns at one kind of work.

    A request that waits holds a thread of a pool that the whole server shares, Airflow's own pages too: if any number
    could wait, they would leave no thread for anybody.

    Args:
        at_once: requests that have their turn at the same time.
        waiting: requests that may wait for theirs.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._turns = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    @contextmanager
    def required(self, seconds: float, line: str, *, again: int = 5) -> Iterator[None]:
        """A turn.

        Args:
            seconds: to wait for it.
            line: what people are told who get no turn.
            again: seconds after which they may ask again.

        Raises:
            BusyError: if no turn comes within these seconds.
        """
        with self.taken(seconds) as taken:
            if not taken:
                raise BusyError(line, again)
            yield

    @contextmanager
    def taken(self, seconds: float) -> Iterator[bool]:
        """A turn, and whether there was one within these seconds."""
        if not self._places.acquire(blocking=False):
            yield False
            return
        try:
            if not self._turns.acquire(timeout=seconds):
                yield False
                return
            try:
                yield True
            finally:
                self._turns.release()
        finally:
            self._places.release()
