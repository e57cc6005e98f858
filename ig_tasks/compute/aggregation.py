"""All shards of a run as one: merged in shard order, so that the same shards give the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ig_tasks.compute.shard_files import (
    QUARANTINE_SCHEMA,
    ShardSummary,
    attributions_file,
    quarantine_file,
    statistics_file,
)
from ig_tasks.errors import RunError
from ig_tasks.store import Folder

_NAME = "summary.json"


@dataclass(frozen=True)
class RunSummary:
    """The merged summary of a run, the shards it is made of, and what this attempt did for it."""

    merged: ShardSummary
    shards: tuple[str, ...]
    files: dict[str, str]
    computed: int = 0
    workers: int = 0

    @property
    def attribution_files(self) -> list[str]:
        return [attributions_file(shard) for shard in self.shards]

    @staticmethod
    def exists(run: Folder) -> bool:
        return run.exists(_NAME)

    @classmethod
    def read(cls, run: Folder) -> RunSummary:
        """The summary that `aggregate` wrote.

        Raises:
            RunError: if the run's attributions are not computed yet.
        """
        if not run.exists(_NAME):
            raise RunError(f"run {run.uri}: its attributions are not computed yet; run compute_attributions first")
        document = run.read_json(_NAME)
        return cls(ShardSummary.from_json(document["merged"]), tuple(document["shards"]), document["files"])


def aggregate(run: Folder, shards: Sequence[str], *, computed: int, workers: int) -> RunSummary:
    """Merge the shards' statistics, one at a time, and gather the quarantined rows in quarantine.parquet."""
    merged: ShardSummary | None = None
    files: dict[str, str] = {}
    quarantined: list[pa.Table] = []
    for shard in shards:
        summary = ShardSummary.from_json(run.read_json(statistics_file(shard)))
        files |= summary.files
        if summary.rows_quarantined:
            quarantined.append(run.read_table(quarantine_file(shard)))
        merged = summary if merged is None else merged.merge(summary)
    if merged is None:
        raise RunError(f"run {run.uri}: has no shards")
    run.write_table("quarantine.parquet", pa.concat_tables(quarantined) if quarantined else _nothing())
    document: dict[str, Any] = {"merged": merged.to_json(), "shards": list(shards), "files": files}
    run.write_json(_NAME, document)
    return RunSummary(merged, tuple(shards), files, computed, workers)


def _nothing() -> pa.Table:
    return QUARANTINE_SCHEMA.empty_table()
