"""The summary of a run in its folder: all its shards as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ig_tasks.errors import DamagedError, RunError
from ig_tasks.stages.merging import Merged
from ig_tasks.stages.shard_files import attributions_file
from ig_tasks.stages.shard_summary import ShardSummary
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
        """The summary that `keep_summary` wrote.

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


def keep_summary(run: RunFolder, merged: Merged, shards: Sequence[str], *, computed: int, workers: int) -> RunSummary:
    """Write the summary of all shards, and their quarantined rows in quarantine.parquet."""
    content = run.write_table(QUARANTINE, merged.quarantined)
    files = {**merged.files, QUARANTINE: digest_of(content)}
    write_sealed(run, _NAME, {"merged": merged.summary.to_json(), "shards": list(shards), "files": files})
    return RunSummary(merged.summary, tuple(shards), files, computed, workers)
