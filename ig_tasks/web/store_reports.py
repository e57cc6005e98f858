"""What is in one store, for pages: the index of its reports.

One listing tells which tables of the index changed since they were read; no page lists the store. Held in memory is
little, whatever the store holds: the tables that were read last, up to a number of bytes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from typing import Any

from ig_tasks.errors import RunError
from ig_tasks.store import Store
from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import IndexEntry, order_of
from ig_tasks.store.runs import revised
from ig_tasks.web.mending import Mender

__all__ = ["StoreReports"]

_GONE = 60.0
"""Seconds for which a report is left out whose file was not there; the index is made good meanwhile."""
_ENTRIES = 20_000
"""Entries held at most; one with forty features takes about 20 KiB."""


class StoreReports:
    """The reports of a store. Safe in several threads.

    Args:
        store: URI of the store.
        fresh_for: seconds for which a listing of the index is taken to be current.
        wanted: the specs that are shown; None: all.
    """

    def __init__(
        self, store: str, *, fresh_for: float = 1.0, wanted: Callable[[], Collection[str]] | None = None
    ) -> None:
        self.store = Store(store)
        self.mender = Mender(store, wanted=wanted)
        self._index = Index(store)
        self._fresh_for = fresh_for
        self._lock = threading.RLock()
        self._stamps: dict[str, str] = {}
        self._listed = float("-inf")
        self._tables: OrderedDict[str, tuple[str, tuple[IndexEntry, ...]]] = OrderedDict()
        self._gone: dict[tuple[Any, ...], float] = {}

    def names(self) -> set[str]:
        """The specs that have reports.

        Raises:
            RunError: if the store cannot be reached.
        """
        return {*self.stamps(), *self.mender.names()}

    def entries(self, name: str) -> tuple[IndexEntry, ...]:
        """The reports of a spec, all revisions, in the order of partition, time and revision; empty if it has none."""
        entries = self._indexed(name)
        gone = self._gone_of(name)
        return tuple(entry for entry in entries if entry.identity not in gone) if gone else entries

    def stamp(self, name: str) -> str:
        """What changes when the entries of a spec do."""
        gone = sorted(map(str, self._gone_of(name)))
        return f"{self.stamps().get(name)} {len(self.mender.entries(name))} {gone or ''}"

    def is_there(self, entry: IndexEntry) -> bool:
        """Whether a report of the index still has its file; one that has none is left out, until the index knows it.

        Raises:
            RunError: if the store cannot be reached.
        """
        if self.store.run(entry.name, entry.run_id).exists(revised("report.json", entry.revision)):
            return True
        with self._lock:
            self._gone[entry.identity] = time.monotonic()
        self.mender.look_again(entry.name)
        return False

    def _gone_of(self, name: str) -> set[Hashable]:
        if not self._gone:
            return set()
        with self._lock:
            begun = time.monotonic() - _GONE
            self._gone = {identity: since for identity, since in self._gone.items() if since > begun}
            return {identity for identity in self._gone if identity[0] == name}

    def stamps(self) -> dict[str, str]:
        """{spec: stamp of its table}.

        Raises:
            RunError: if the store cannot be reached.
        """
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

    def _indexed(self, name: str) -> tuple[IndexEntry, ...]:
        stamp = self.stamps().get(name)
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


def _merged_entries(entries: tuple[IndexEntry, ...], extra: tuple[IndexEntry, ...]) -> tuple[IndexEntry, ...]:
    """Entries of the index, and those that it lacks."""
    known = {(entry.run_id, entry.revision) for entry in entries}
    lacking = [entry for entry in extra if (entry.run_id, entry.revision) not in known]
    return tuple(sorted((*entries, *lacking), key=order_of)) if lacking else entries
