"""How long the report browser takes to answer questions about the rows of a year of flights.

    python -m benchmarks.browser_queries ig_runs/flights_torch

The rows of all runs of a spec are laid together as those of one run. Each question is asked five times after the first
one, which compares the files with their digests; the median is printed, and what the process grew by.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from ig_tasks.store import RunFolder
from ig_tasks.store.stored_run import StoredRun
from ig_tasks.web.conditions import Condition, Order
from ig_tasks.web.queries import RunRows
from ig_tasks.web.query_statistics import bands, bins, sample

TIMES = 5


def laid_together(spec_folder: Path, place: Path) -> tuple[RunFolder, dict[str, str]]:
    """The rows of all runs below a spec's folder as those of one run, with their digests."""
    digests: dict[str, str] = {}
    (place / "attributions").mkdir(parents=True)
    for manifest in sorted(spec_folder.glob("*/manifest.json")):
        run = StoredRun.at(str(manifest.parent))
        for name, digest in run.document.get("files", {}).items():
            if name.startswith("attributions/"):
                there = f"attributions/{len(digests):06d}.parquet"
                shutil.copyfile(manifest.parent / name, place / there)
                digests[there] = digest
    return RunFolder(str(place), spec_folder.name, place.name), digests


def questions(rows: RunRows) -> dict[str, Callable[[], Any]]:
    """What pages ask, by what is printed of it."""
    first, second = rows.features[:2]
    attribution = f"attribution:{first}"
    great = [Condition(attribution, "size_ge", "1")]
    shown = ["row_id", "target", "output", "status", attribution, f"attribution:{second}"]
    held = f"input:{first}"
    segments = [column.name for column in rows.columns if column.name.startswith("segment:")]
    level = [Condition(segments[0], "present"), *great] if segments else great
    row = rows.page(columns=["row_id", "target", "output"], number=1).rows[0]
    return {
        "a page, sorted by output": lambda: rows.page(columns=shown),
        "a filter on an attribution, sorted by its size": lambda: rows.page(
            great, Order(attribution, by_size=True), columns=shown
        ),
        "two conditions, the hundredth page": lambda: rows.page(
            level, Order(attribution), columns=shown, number=50, offset=4950
        ),
        "one row, whole": lambda: rows.row(row["row_id"]),
        "its neighbours": lambda: rows.neighbours(row),
        "a sample of 1,000 points": lambda: sample(rows, [held, attribution], 1000),
        "a histogram": lambda: bins(rows, attribution, 30),
        "bands of quantiles": lambda: bands(rows, held, attribution),
        "a download of the filter": lambda: rows.table(great),
    }


def main(spec_folder: Path) -> None:
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as temporary:
        rows = RunRows(*laid_together(spec_folder, Path(temporary) / "run"))
        started = time.perf_counter()
        before = process.memory_info().rss
        count = rows.page(number=1).count
        print(f"{count:,} rows; the first question, with all files compared: {time.perf_counter() - started:.2f} s")
        for words, ask in questions(rows).items():
            taken = []
            for _ in range(TIMES):
                started = time.perf_counter()
                ask()
                taken.append(time.perf_counter() - started)
            print(f"{words:50} {statistics.median(taken):6.2f} s")
        print(f"the process grew by {(process.memory_info().rss - before) / 1e6:.0f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
