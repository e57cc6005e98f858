"""Server time of the report browser's overview and of a model's page, over an index of 1,000 reports of 40 specs.

`python benchmarks/browser.py` makes reports of the size of the flights' in a temporary store, and prints medians. The
first figure is of a server that has just started; the others are of pages that were asked for before.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from starlette.requests import HTTPConnection
from starlette.testclient import TestClient

from ig_tasks.store.index import Index
from ig_tasks.store.index_entry import IndexedFeature, IndexedTarget, IndexEntry
from ig_tasks.web.access import User
from ig_tasks.web.app import create_app
from ig_tasks.web.catalogue import Catalogue

_SPECS, _REPORTS, _FEATURES, _TIMES = 40, 25, 20, 15


class _Everybody:
    """Whoever asks may read everything."""

    async def user_of(self, connection: HTTPConnection) -> User:  # noqa: ARG002
        return User("benchmark")

    def readable(self, user: User, names: Collection[str]) -> set[str]:  # noqa: ARG002
        return set(names)

    def outside(self, connection: HTTPConnection) -> str:  # noqa: ARG002
        return "http://127.0.0.1"


def main() -> None:
    """Make the index, ask for the pages, print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        index = Index(folder)
        for number in range(_SPECS):
            for entry in _entries(f"model_{number:02d}"):
                index.note(entry)
            index.gather(f"model_{number:02d}")
        size = sum(int(info.get("size") or 0) for info in index.folder.details().values())
        catalogue = Catalogue(folder)
        catalogue.mender.wake = lambda: None  # type: ignore[method-assign]
        before = _megabytes()
        client = TestClient(create_app(catalogue, _Everybody()))
        print(f"{_SPECS} specs, {_SPECS * _REPORTS:,} reports, tables of {size / 2**20:.1f} MiB")
        for label, addresses in {
            "overview": ["/"],
            "overview, filtered and sorted": ["/?q=debt&sort=failed&down=true"],
            "a model's page": [f"/model_{number:02d}" for number in range(_TIMES)],
            "a model's page again": ["/model_00"],
        }.items():
            first = _seconds(client, addresses[0])
            taken = [_seconds(client, addresses[turn % len(addresses)]) for turn in range(_TIMES)]
            wall, computing = (statistics.median(times) * 1e3 for times in zip(*taken, strict=True))
            print(f"{label}: first {first[0] * 1e3:.0f} ms, then {wall:.0f} ms, of which {computing:.0f} ms of CPU")
        print(f"memory: {_megabytes() - before:.0f} MiB more at most")


def _entries(name: str) -> list[IndexEntry]:
    begin = datetime(2024, 1, 2, 6, tzinfo=UTC)
    return [_entry(name, begin + timedelta(days=30.44 * month), month) for month in range(_REPORTS)]


def _entry(name: str, moment: datetime, month: int) -> IndexEntry:
    names = ["income", "debt", "age", *(f"feature_{place:02d}" for place in range(_FEATURES - 3))]
    features = tuple(
        IndexedFeature(
            feature=feature, label=feature.replace("_", " "), rank=place + 1, abs_mean=2.0 / (place + 1) + month / 100,
            mean=0.5, low=1.9 / (place + 1), high=2.1 / (place + 1) + month / 100,
        )
        for place, feature in enumerate(names)
    )  # fmt: skip
    partition = f"{2024 + month // 12}-{month % 12 + 1:02d}"
    return IndexEntry(
        name=name, run_id=f"{partition}-0123456789ab", revision=1, partition=partition, created_at=moment,
        state="published", official=True, model=f"Model {name}", owner=f"team-{name[-1]}", tags=("benchmark",),
        description="A model that exists to be listed", rows_read=28_000, rows_explained=27_900, rows_quarantined=100,
        converged=0.9995, checks=9, alarms=month % 3, verdicts={"note": 4}, trusted=True, score=0.93,
        targets=(IndexedTarget(name="late", space="logit", features=features, output=-1.2),),
        model_digest=f"sha256:{month // 6}", baseline_digest="sha256:b", settings_digest="sha256:s",
        schedule={"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1},
    )  # fmt: skip


def _seconds(client: TestClient, address: str) -> tuple[float, float]:
    """By the wall and of CPU: on a machine with other work the second one tells what a page costs."""
    began, computed = time.perf_counter(), time.process_time()
    client.get(address).raise_for_status()
    return time.perf_counter() - began, time.process_time() - computed


def _megabytes() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
