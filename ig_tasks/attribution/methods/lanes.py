"""Chunks of rows side by side: one thread a lane, each with a backend of its own over the same model.

An operation on a block that fits the cache takes microseconds, about as long as two threads take to meet after it:
on two cores, small networks ran half as fast with two threads inside every operation as with one. Threads that share
nothing until the end are worth their number.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import numpy as np

from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.batches import Batches
from ig_tasks.attribution.integrators import Chunk, CommonStart, Integrator
from ig_tasks.attribution.problem import Places, Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.tolerances import Tolerances

__all__ = ["LEAST_ROWS", "run_chunks"]

LEAST_ROWS = 1024
"""Rows of a chunk for which another thread is worth starting."""


def run_chunks(
    backend: Backend,
    problem: Problem,
    chunks: Sequence[Places],
    integrator: Integrator,
    tolerances: Tolerances,
    batches: Batches,
    common: CommonStart,
    rows: Rows,
) -> None:
    """Write the results of all `chunks`, the places of some rows each, into `rows`; counts go to `batches`.

    The first exception of a lane ends the others after their present chunk, and is raised.
    """

    def run(own: Backend, places: Places, counts: Batches) -> None:
        part = problem.take(_as_slice(places))
        integrator.integrate(Chunk(own, part, places, tolerances, counts, common), rows)

    lanes = min(backend.lanes, len(chunks))
    if lanes < 2:
        for places in chunks:
            run(backend, places, batches)
        return
    left = _Shared(chunks)

    def lane() -> Batches:
        counts = replace(batches, count=0, halvings=0, largest=0)
        try:
            with backend.lane() as own:
                for places in left:
                    run(own, places, counts)
        except BaseException:
            left.stop()
            raise
        return counts

    with ThreadPoolExecutor(lanes, thread_name_prefix="ig-lane") as pool:
        futures = [pool.submit(lane) for _ in range(lanes)]
        try:
            wait(futures)
        except BaseException:  # whoever interrupts this thread does not wait for all of the others' chunks
            left.stop()
            raise
    for future in futures:
        batches.add(future.result())


def _as_slice(places: Places) -> slice | Places:
    """Without a copy, where one row follows another."""
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if (np.diff(places) == 1).all() else places


class _Shared:
    """An iterator that several threads draw from."""

    def __init__(self, chunks: Sequence[Places]) -> None:
        self._chunks, self._lock = iter(chunks), threading.Lock()

    def __iter__(self) -> Iterator[Places]:
        return self

    def __next__(self) -> Places:
        with self._lock:
            return next(self._chunks)

    def stop(self) -> None:
        with self._lock:
            self._chunks = iter(())
