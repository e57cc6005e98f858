"""What is in a store, for pages: the index of its reports, and the reports that were opened last.

Held in memory is little, whatever the store holds: entries of the index, and a few reports.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from ig_tasks.errors import IgTasksError
from ig_tasks.store import Folder, RunFolder, Store
from ig_tasks.store.index_entry import IndexEntry, order_of
from ig_tasks.store.report import Report

__all__ = ["Catalogue"]

_REPORTS = 8


class Catalogue:
    """The reports of a store. Safe in several threads.

    Args:
        store: URI of the store.
    """

    def __init__(self, store: str) -> None:
        self.store = Store(store)
        self._reports: OrderedDict[tuple[str, str, int], Report] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """The specs that have reports, sorted."""
        return [name for name in Folder(self.store.uri).names() if self.entries(name)]

    def entries(self, name: str) -> tuple[IndexEntry, ...]:
        """The reports of a spec, all revisions, in the order of partition, time and revision; empty if it has none."""
        from ig_tasks.reports.indexing import entry_of

        found = []
        for run in self.store.runs(name):
            for revision in run.revisions():
                try:
                    found.append(entry_of(run.read_report(revision), run))
                except IgTasksError:
                    continue
        return tuple(sorted(found, key=order_of))

    def folder(self, name: str, run_id: str) -> RunFolder:
        """A run's folder, by name and id that an entry holds."""
        return self.store.run(name, run_id)

    def report(self, entry: IndexEntry) -> Report:
        """A report; the same object as long as it is among the last that were opened.

        Raises:
            IgTasksError: if it cannot be read, or is not what was written.
        """
        key = (entry.name, entry.run_id, entry.revision)
        with self._lock:
            if key in self._reports:
                self._reports.move_to_end(key)
                return self._reports[key]
        report = self.folder(entry.name, entry.run_id).read_report(entry.revision)
        with self._lock:
            self._reports[key] = report
            while len(self._reports) > _REPORTS:
                self._reports.popitem(last=False)
        return report
