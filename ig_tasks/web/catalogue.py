"""What is in a store, for pages: the index of its reports, and the reports that were opened last.

One listing tells which tables of the index changed since they were read; no page lists the store. Held in memory is
little, whatever the store holds: the tables that were read last, up to a number of bytes, and a few reports.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from markupsafe import Markup

from ig_tasks.errors import RunError
from ig_tasks.store import RunFolder, Store
from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import IndexEntry, order_of
from ig_tasks.store.report import Report
from ig_tasks.web.latest_cache import LatestCache
from ig_tasks.web.mending import Mender

__all__ = ["Catalogue"]

_REPORTS = 6
_ENTRIES = 20_000
"""Entries held at most; one with forty features takes about 20 KiB."""
_SMALL, _DRAWN = 5_000, 24
_T = TypeVar("_T")


class Catalogue:
    """The reports of a store. Safe in several threads.

    Args:
        store: URI of the store.
        fresh_for: seconds for which a listing of the index is taken to be current.
    """

    def __init__(self, store: str, *, fresh_for: float = 1.0) -> None:
        self.store = Store(store)
        self.mender = Mender(store)
        self._index = Index(store)
        self._fresh_for = fresh_for
        self._lock = threading.RLock()
        self._stamps: dict[str, str] = {}
        self._listed = float("-inf")
        self._tables: OrderedDict[str, tuple[str, tuple[IndexEntry, ...]]] = OrderedDict()
        self._reports: LatestCache[Report] = LatestCache(_REPORTS)
        self._small: LatestCache[Any] = LatestCache(_SMALL)
        self.drawn: LatestCache[Markup] = LatestCache(_DRAWN)
        """Parts of pages that take long to draw, by the spec's name, its stamp and what they depend on."""

    def names(self) -> list[str]:
        """The specs that have reports, sorted.

        Raises:
            RunError: if the store cannot be reached.
        """
        return sorted({*self._current(), *self.mender.names()})

    def entries(self, name: str) -> tuple[IndexEntry, ...]:
        """The reports of a spec, all revisions, in the order of partition, time and revision; empty if it has none."""
        stamp = self._current().get(name)
        extra = self.mender.entries(name)
        if stamp is None:
            return tuple(sorted(extra, key=order_of))
        with self._lock:
            cached = self._tables.get(name)
            if cached is not None and cached[0] == stamp:
                self._tables.move_to_end(name)
                return _merged_entries(cached[1], extra)
        table = self._index.table(name)
        if table is None:  # damaged, or removed a moment ago
            self.mender.look_again(name)
            return tuple(sorted(extra, key=order_of))
        with self._lock:
            self._tables[name] = (stamp, table.entries)
            while sum(len(entries) for _, entries in self._tables.values()) > _ENTRIES and len(self._tables) > 1:
                self._tables.popitem(last=False)
        return _merged_entries(table.entries, extra)

    def stamp(self, name: str) -> str:
        """What changes when the entries of a spec do."""
        return f"{self._current().get(name)} {len(self.mender.entries(name))}"

    def derived(self, name: str, key: Hashable, make: Callable[[tuple[IndexEntry, ...]], _T]) -> _T:
        """What is made of a spec's entries, once for as long as they stay the same: a few kilobytes."""
        value: _T = self._small.get((name, key), lambda: make(self.entries(name)), stamp=self.stamp(name))
        return value

    def folder(self, name: str, run_id: str) -> RunFolder:
        """A run's folder, by name and id that an entry holds."""
        return self.store.run(name, run_id)

    def report(self, entry: IndexEntry) -> Report:
        """A report; the same object as long as it is among the last that were opened.

        Raises:
            IgTasksError: if it cannot be read, or is not what was written.
        """
        return self._reports.get(
            entry.identity, lambda: self.folder(entry.name, entry.run_id).read_report(entry.revision)
        )

    def _current(self) -> dict[str, str]:
        """{spec: stamp of its table}."""
        with self._lock:
            if time.monotonic() - self._listed < self._fresh_for:
                return self._stamps
        self.mender.wake()
        try:
            stamps = self._index.stamps()
        except RunError:
            with self._lock:
                if not self._stamps:
                    raise
                # A store that is out of reach for a moment: what was known is shown on.
                stamps = self._stamps
        with self._lock:
            self._stamps, self._listed = stamps, time.monotonic()
            return stamps


def _merged_entries(entries: tuple[IndexEntry, ...], extra: tuple[IndexEntry, ...]) -> tuple[IndexEntry, ...]:
    """Entries of the index, and those that it lacks."""
    known = {(entry.run_id, entry.revision) for entry in entries}
    lacking = [entry for entry in extra if (entry.run_id, entry.revision) not in known]
    return tuple(sorted((*entries, *lacking), key=order_of)) if lacking else entries
