"""What pages know of reports: those of the browser's own store, and of specs that lie in stores of their own.

A spec is called by its key: its name, and beyond the own store its name and its store (`spec_places`). Entries of the
index bear the key as their name here, so that pages make addresses of it, and never mix two specs of one name.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from markupsafe import Markup

from ig_tasks.errors import IgTasksError
from ig_tasks.store import RunFolder
from ig_tasks.store.index_entry import IndexEntry
from ig_tasks.store.report import Report
from ig_tasks.web.latest_cache import LatestCache
from ig_tasks.web.mending import Mender, UnfinishedRun
from ig_tasks.web.spec_places import SpecPlace
from ig_tasks.web.store_reports import StoreReports

__all__ = ["Catalogue"]

_REPORTS = 6
_SMALL, _DRAWN = 5_000, 24
_PATIENCE, _RETRY = 2.0, 30.0
"""Seconds that a page waits for other stores, and for which one that did not answer is not asked again."""
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Catalogue:
    """The reports that are there. Safe in several threads.

    Args:
        store: URI of the browser's own store; all its specs are shown.
        fresh_for: seconds for which a listing of an index is taken to be current.
        elsewhere: {key: where it lies} of specs in other stores; of such a store no other specs are shown.
    """

    def __init__(
        self, store: str, *, fresh_for: float = 1.0, elsewhere: Callable[[], Mapping[str, SpecPlace]] | None = None
    ) -> None:
        self._own = StoreReports(store, fresh_for=fresh_for)
        self.store = self._own.store
        self._fresh_for = fresh_for
        self._elsewhere: Callable[[], Mapping[str, SpecPlace]] = elsewhere or dict
        self._others: dict[str, StoreReports] = {}
        self._silent: dict[str, float] = {}
        self._asked: dict[str, Future[set[str]]] = {}
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="ig-stores")
        self._lock = threading.RLock()
        self._reports: LatestCache[Report] = LatestCache(_REPORTS)
        self._small: LatestCache[Any] = LatestCache(_SMALL)
        self.drawn: LatestCache[Markup] = LatestCache(_DRAWN)
        """Parts of pages that take long to draw, by the spec's key, its stamp and what they depend on."""

    @property
    def mender(self) -> Mender:
        """What keeps the index of the own store."""
        return self._own.mender

    @property
    def progress(self) -> str:
        """A line while an index is being made; else empty."""
        return next((line for reports in self._all() if (line := reports.mender.progress)), "")

    def names(self) -> list[str]:
        """The keys of the specs that have reports, sorted. A store beside the own one that is silent is left out.

        Raises:
            RunError: if the own store cannot be reached.
        """
        names = self._own.names()
        places = self._elsewhere()
        present = self._names_in({place.store for place in places.values()})
        return sorted({*names, *(key for key, place in places.items() if place.name in present.get(place.store, ()))})

    def has(self, key: str) -> bool:
        """Whether a spec has reports."""
        place = self._place(key)
        if place is None:
            return key in self._own.names()
        return place.name in self._names_in({place.store}).get(place.store, ())

    def entries(self, key: str) -> tuple[IndexEntry, ...]:
        """The reports of a spec, all revisions, in the order of partition, time and revision; empty if it has none."""
        place = self._place(key)
        if place is None:
            return self._own.entries(key)
        reports = self._reports_in(place.store)

        def renamed() -> tuple[IndexEntry, ...]:
            return tuple(entry.model_copy(update={"name": key}) for entry in reports.entries(place.name))

        entries: tuple[IndexEntry, ...] = self._small.get((key, "entries"), renamed, stamp=reports.stamp(place.name))
        return entries

    def stamp(self, key: str) -> str:
        """What changes when the entries of a spec do."""
        place = self._place(key)
        return self._own.stamp(key) if place is None else self._reports_in(place.store).stamp(place.name)

    def derived(self, key: str, what: Hashable, make: Callable[[tuple[IndexEntry, ...]], _T]) -> _T:
        """What is made of a spec's entries, once for as long as they stay the same: a few kilobytes."""
        value: _T = self._small.get((key, what), lambda: make(self.entries(key)), stamp=self.stamp(key))
        return value

    def folder(self, key: str, run_id: str) -> RunFolder:
        """A run's folder, by name and id that an entry holds."""
        place = self._place(key)
        if place is None:
            return self.store.run(key, run_id)
        return self._reports_in(place.store).store.run(place.name, run_id)

    def is_there(self, entry: IndexEntry) -> bool:
        """Whether a report still has its file; one that has none is left out from now on."""
        place = self._place(entry.name)
        if place is None:
            return self._own.is_there(entry)
        return self._reports_in(place.store).is_there(entry.model_copy(update={"name": place.name}))

    def report(self, entry: IndexEntry) -> Report:
        """A report; the same object as long as it is among the last that were opened.

        Raises:
            IgTasksError: if it cannot be read, or is not what was written.
        """
        return self._reports.get(
            entry.identity, lambda: self.folder(entry.name, entry.run_id).read_report(entry.revision)
        )

    def unfinished(self) -> list[UnfinishedRun]:
        """Runs without a report, when the stores were looked at last; named by the keys of their specs."""
        keys = {place: key for key, place in self._elsewhere().items()}
        with self._lock:
            others = list(self._others.items())
        runs = list(self._own.mender.unfinished())
        for store, reports in others:
            runs += [
                UnfinishedRun(key, run.run_id, run.computing)
                for run in reports.mender.unfinished()
                if (key := keys.get(SpecPlace(run.name, store))) is not None
            ]
        return runs

    def place_of(self, key: str) -> SpecPlace:
        """Where a spec lies."""
        return self._place(key) or SpecPlace(key, self.store.uri)

    def _place(self, key: str) -> SpecPlace | None:
        """Where a spec of another store lies; None for one of the own store."""
        return self._elsewhere().get(key)

    def _all(self) -> list[StoreReports]:
        with self._lock:
            return [self._own, *self._others.values()]

    def _reports_in(self, store: str) -> StoreReports:
        with self._lock:
            if store not in self._others:

                def wanted() -> Collection[str]:
                    return {place.name for place in self._elsewhere().values() if place.store == store}

                self._others[store] = StoreReports(store, fresh_for=self._fresh_for, wanted=wanted)
            return self._others[store]

    def _names_in(self, stores: Collection[str]) -> dict[str, set[str]]:
        """{store: its specs}, for those that answer soon: one that is slow or broken keeps no page from being shown."""
        moment = time.monotonic()
        with self._lock:
            for store in stores:
                if store not in self._asked and moment >= self._silent.get(store, 0.0):
                    self._asked[store] = self._pool.submit(self._reports_in(store).names)
            asked = {store: future for store in stores if (future := self._asked.get(store)) is not None}
        wait(asked.values(), timeout=_PATIENCE)
        present: dict[str, set[str]] = {}
        for store, future in asked.items():
            if not future.done():
                with self._lock:
                    self._silent[store] = time.monotonic() + _RETRY
                continue
            with self._lock:
                if self._asked.get(store) is future:
                    del self._asked[store]
            try:
                present[store] = future.result()
            except (IgTasksError, OSError, ValueError) as error:
                _log.warning("the store %s of a spec cannot be read: %s", store, error)
                with self._lock:
                    self._silent[store] = time.monotonic() + _RETRY
        return present
