"""What was made last, kept in memory: pages ask for the same things again, and a report's charts take a second."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["LatestCache"]

T = TypeVar("T")


class LatestCache(Generic[T]):
    """The last things that were made, each with the stamp of what it was made of. Safe in several threads.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, tuple[str, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], *, stamp: str = "") -> T:
        """What is kept under a key and has this stamp, else what `make` makes, which is kept in its place.

        Two threads may make it at the same moment.
        """
        with self._lock:
            cached = self._values.get(key)
            if cached is not None and cached[0] == stamp:
                self._values.move_to_end(key)
                return cached[1]
        value = make()
        with self._lock:
            self._values[key] = (stamp, value)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
