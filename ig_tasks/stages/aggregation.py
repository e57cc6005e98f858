"""All shards of a run as one: merged in shard order, so that the same shards give the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from ig_tasks.errors import DamagedError, RunError
from ig_tasks.stages.shard_files import (
    QUARANTINE_SCHEMA,
    ShardSummary,
    attributions_file,
    quarantine_file,
    read_summary,
)
from ig_tasks.store import Folder, RunFolder, digest_of, read_sealed, set_aside, take_sealed, write_sealed
from ig_tasks.store.sealed import Say

QUARANTINE = "quarantine.parquet"
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
        """Names of the shards' attribution files in the run's folder."""
        return [attributions_file(shard) for shard in self.shards]

    @classmethod
    def read(cls, run: Folder) -> RunSummary:
        """The summary that `aggregate` wrote.

        Raises:
            RunError: if the run's attributions are not computed yet.
            DamagedError: if it is not what was written.
        """
        try:
            document = read_sealed(run, _NAME)
        except FileNotFoundError:
            raise RunError(
                f"run {run.uri}: its attributions are not computed yet; run compute_attributions first"
            ) from None
        return cls(ShardSummary.from_json(document["merged"]), tuple(document["shards"]), document["files"])


def sound_summary(run: RunFolder, shards: Mapping[str, Mapping[str, str]], say: Say) -> RunSummary | None:
    """The summary of these shards ({shard: digests of its tables}); None if it has to be made (again).

    It is made again where it is absent, damaged and now set aside, or of other shards than are there, and where
    quarantine.parquet is not what was written with it.
    """
    if take_sealed(run, _NAME, say) is None:
        return None
    summary = RunSummary.read(run)
    try:
        run.checked(summary.files).read_bytes(QUARANTINE)
    except DamagedError as error:
        say(set_aside(run, QUARANTINE, error))
        return None
    of_shards = {name: digest for files in shards.values() for name, digest in files.items()}
    same = of_shards == {name: digest for name, digest in summary.files.items() if name != QUARANTINE}
    return summary if same and list(summary.shards) == list(shards) else None


def aggregate(run: RunFolder, shards: Sequence[str], *, computed: int, workers: int) -> RunSummary:
    """Merge the shards' statistics, one at a time, and gather the quarantined rows in quarantine.parquet.

    Raises:
        DamagedError: if a file of a shard is not what was written.
    """
    merged: ShardSummary | None = None
    files: dict[str, str] = {}
    quarantined: list[pa.Table] = []
    for shard in shards:
        summary = read_summary(run, shard)
        files |= summary.files
        if summary.rows_quarantined:
            quarantined.append(run.checked(summary.files).read_table(quarantine_file(shard)))
        merged = summary if merged is None else merged.merge(summary)
    if merged is None:
        raise RunError(f"run {run.uri}: has no shards")
    content = run.write_table(QUARANTINE, pa.concat_tables(quarantined) if quarantined else _empty_quarantine())
    files[QUARANTINE] = digest_of(content)
    write_sealed(run, _NAME, {"merged": merged.to_json(), "shards": list(shards), "files": files})
    return RunSummary(merged, tuple(shards), files, computed, workers)


def _empty_quarantine() -> pa.Table:
    return QUARANTINE_SCHEMA.empty_table()
