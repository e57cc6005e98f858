"""A run whose attributions are computed, opened again by its folder: its statistics, whole and by shard."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ig_tasks.stages.aggregation import RunSummary
from ig_tasks.stages.plan_facts import PlanFacts, stored_facts
from ig_tasks.stages.shard_files import read_summary
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import RunFolder
from ig_tasks.store.stored_run import StoredRun

__all__ = ["ComputedRun"]


class ComputedRun(StoredRun):
    """The facts of a finished run. Neither its data nor its model package is read, so both may be gone.

    Args:
        folder: of the run.

    Raises:
        ReportError: if there is no run.
        RunError: if its attributions are not computed yet.
        DamagedError: if its manifest or its summary is not what was written.
    """

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(folder)
        self.summary = RunSummary.read(self.folder)

    @classmethod
    def at(cls, uri: str) -> ComputedRun:
        """The run in the folder at a URI. Raises as the class does."""
        return cls(RunFolder(uri, "", uri.rstrip("/").rpartition("/")[2]))

    @property
    def tables(self) -> RunFolder:
        """The folder, whose tables are compared with their digests wherever they are read."""
        return self.folder.checked(self.summary.files)

    @cached_property
    def plan(self) -> PlanFacts | None:
        """What the run was planned of; None for a run of an earlier version that was not validated since.

        Raises:
            DamagedError: if it is not what was written.
        """
        return stored_facts(self.folder)

    def shards(self) -> Iterator[ShardSummary]:
        """The summary statistics of each shard, in order.

        Raises:
            DamagedError: if one of them is not what was written.
        """
        for shard in self.summary.shards:
            yield read_summary(self.folder, shard)
