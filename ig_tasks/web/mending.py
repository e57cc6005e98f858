"""An index that is missing or behind is made good beside the pages: in a thread of its own, a little at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ig_tasks.errors import IgTasksError
from ig_tasks.store import Folder
from ig_tasks.store.index import FOLDER, Index, IndexTable
from ig_tasks.store.index_entry import IndexEntry
from ig_tasks.store.runs import NOT_RUNS

__all__ = ["Mender", "UnfinishedRun"]

_EVERY = 60.0
"""Seconds between two looks at the store."""
_MOST = 2_000
"""Entries held where the index cannot be written."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that has a folder and no report yet.

    Attributes:
        computing: whether a process has left a note there that it is at work.
    """

    name: str
    run_id: str
    computing: bool


class Mender:
    """Compares the index with the folders of runs, and takes in what it lacks.

    Where the store cannot be written to, what the index lacks is held here.

    Args:
        store: URI of the store.
        every: seconds between two looks at the store.
        wanted: the specs that are looked at; None: all.
    """

    def __init__(
        self, store: str, *, every: float = _EVERY, wanted: Callable[[], Collection[str]] | None = None
    ) -> None:
        self._uri, self._every, self._wanted = store.rstrip("/"), every, wanted
        self._lock = threading.Lock()
        self._begun = float("-inf")
        self._thread: threading.Thread | None = None
        self._lacking: OrderedDict[tuple[str, str, int], IndexEntry] = OrderedDict()
        self._given_up: set[tuple[str, str]] = set()
        self._suspect: set[str] = set()
        self._unfinished: tuple[UnfinishedRun, ...] = ()
        self.progress = ""
        """A line while the index is being made; else empty."""

    def names(self) -> set[str]:
        """The specs of which the index lacks reports that are held here."""
        with self._lock:
            return {name for name, _, _ in self._lacking}

    def entries(self, name: str) -> tuple[IndexEntry, ...]:
        """The entries of a spec that are held here."""
        with self._lock:
            return tuple(entry for (of, _, _), entry in self._lacking.items() if of == name)

    def unfinished(self) -> tuple[UnfinishedRun, ...]:
        """Runs without a report, when the store was looked at last."""
        return self._unfinished

    def look_again(self, name: str) -> None:
        """Make the table of a spec anew: it could not be read."""
        with self._lock:
            self._suspect.add(name)
            self._begun = float("-inf")

    def wake(self) -> None:
        """Look at the store, unless that was done a moment ago; waits a second, which is enough for a small one."""
        with self._lock:
            busy = self._thread is not None and self._thread.is_alive()
            if busy or time.monotonic() - self._begun < self._every:
                return
            first = self._begun == float("-inf")
            self._begun = time.monotonic()
            self._thread = thread = threading.Thread(target=self.mend, name="ig-index", daemon=True)
        thread.start()
        if first:
            thread.join(timeout=1.0)

    def mend(self) -> None:
        """Look at the store once, and take in what the index lacks."""
        try:
            self._mend()
        except Exception:  # noqa: BLE001 - the next look comes in a minute; pages go on with what there is
            _log.exception("the index of the reports could not be compared with the store")
        finally:
            self.progress = ""

    def _mend(self) -> None:
        index = Index(self._uri)
        with self._lock:
            suspect, self._suspect = self._suspect, set()
        unfinished: list[UnfinishedRun] = []
        wanted = None if self._wanted is None else frozenset(self._wanted())
        for name in Folder(self._uri).names():
            if name == FOLDER or name.startswith((".", "-")) or (wanted is not None and name not in wanted):
                continue
            table = index.table(name)
            known = {entry.run_id for entry in table.entries} if table is not None else set()
            runs = [folder for folder in Folder(f"{self._uri}/{name}").names() if _is_run(folder)]
            open_runs = self._open_runs(name, [run for run in runs if run not in known])
            unfinished += open_runs
            waiting = {run.run_id for run in open_runs}
            lacking = {run for run in runs if run not in known | waiting and (name, run) not in self._given_up}
            gone = known - set(runs)
            if lacking or gone or name in suspect or (runs and table is None and len(waiting) < len(runs)):
                try:
                    self._take_in(name, table or IndexTable(), lacking)
                except Exception:  # noqa: BLE001 - what is wrong with one spec's reports is no matter of the others
                    _log.exception("the reports of %s could not be taken into the index", name)
        self._unfinished = tuple(unfinished)

    def _open_runs(self, name: str, runs: list[str]) -> list[UnfinishedRun]:
        unfinished = []
        for run_id in runs:
            names = set(Folder(f"{self._uri}/{name}/{run_id}").names())
            if not any(file.startswith("report.") and file.endswith(".json") for file in names):
                at_work = "running" in names and bool(Folder(f"{self._uri}/{name}/{run_id}").names("running"))
                unfinished.append(UnfinishedRun(name, run_id, at_work))
        return unfinished

    def _take_in(self, name: str, table: IndexTable, lacking: set[str]) -> None:
        from ig_tasks.reports.indexing import mend_index, missing_entries

        try:
            for count, entry in enumerate(mend_index(self._uri, name), 1):
                lacking.discard(entry.run_id)
                # Everybody reads it: not a word of which spec it is.
                self.progress = f"The index of the reports is being made: {count} read so far"
        except IgTasksError as error:
            _log.warning("the index of %s cannot be written (%s); it is held in memory", self._uri, error)
            for entry in missing_entries(self._uri, name, table):
                lacking.discard(entry.run_id)
                with self._lock:
                    self._lacking[entry.name, entry.run_id, entry.revision] = entry
                    while len(self._lacking) > _MOST:
                        self._lacking.popitem(last=False)
        # Reports that cannot be read are looked at once: their next revision, or the command, takes them in.
        self._given_up |= {(name, run_id) for run_id in lacking}


def _is_run(name: str) -> bool:
    return name not in NOT_RUNS and not name.endswith(".json")
