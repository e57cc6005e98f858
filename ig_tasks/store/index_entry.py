"""One line of the index: what lists, timelines and comparisons need of a report, so that they need not open it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ig_tasks.spec.partitions import PartitionOrder, partition_order
from ig_tasks.store.report_values import Count, Figure, Free, Part

__all__ = ["ENTRY_VERSION", "IndexEntry", "IndexedCheck", "IndexedFeature", "IndexedTarget", "order_of"]

ENTRY_VERSION = 2
"""Entries of another version are made anew of their reports."""


class IndexedFeature(Part):
    """The importance of one feature over all rows."""

    feature: str
    label: str
    rank: Count
    abs_mean: Figure
    mean: Figure
    low: Figure = None
    high: Figure = None
    """95 % interval of abs_mean: of clusters of rows where the run kept their sums."""


class IndexedTarget(Part):
    """One output, with its leading features by rank."""

    name: str
    space: str
    features: tuple[IndexedFeature, ...] = ()
    left: Count = 0
    """Features beyond these."""
    output: Figure = None
    """The model's output, in the mean over the explained rows; of the first target."""


class IndexedCheck(Part):
    """A check that failed."""

    name: str
    severity: str


class IndexEntry(Part):
    """A revision of a run's report."""

    version: int = ENTRY_VERSION
    name: str
    run_id: str
    revision: Annotated[int, Field(ge=1)]
    partition: str
    created_at: AwareDatetime
    state: Literal["published", "withheld"]
    official: bool
    model: str = ""
    """Its name, as the package's card says."""
    model_version: str = ""
    framework: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    rows_read: Count = 0
    rows_explained: Count = 0
    rows_quarantined: Count = 0
    converged: Figure = None
    """Share of the explained rows."""
    targets: tuple[IndexedTarget, ...] = ()
    checks: Count = 0
    """Checks that were carried out."""
    failed: tuple[IndexedCheck, ...] = ()
    alarms: Count | None = None
    """Features with a drift alarm; null where the report was compared with none."""
    verdicts: dict[str, Count] | None = None
    """Verdicts by severity; null where features were not judged."""
    trusted: bool | None = None
    """The report's headline; null in reports of earlier versions."""
    score: Figure = None
    """The interpretability score."""
    model_digest: str = ""
    baseline_digest: str = ""
    settings_digest: str = ""
    """Of all that decides the numbers beside model, baseline and the rows themselves."""
    schedule: Free | None = None
    """The spec's `schedule`; null where its DAG has none."""

    @property
    def identity(self) -> tuple[str, str, int, AwareDatetime]:
        """What tells it from every other report of its store: a run that is computed again has its id and revisions."""
        return (self.name, self.run_id, self.revision, self.created_at)

    @property
    def published(self) -> bool:
        """Whether the checks let the report be published; else it is withheld."""
        return self.state == "published"

    @property
    def quarantined(self) -> float | None:
        """Share of the rows read that are in quarantine."""
        return self.rows_quarantined / self.rows_read if self.rows_read else None

    @property
    def leading(self) -> tuple[IndexedFeature, ...]:
        """The leading features of the first target, the most important first."""
        return self.targets[0].features if self.targets else ()


def order_of(entry: IndexEntry) -> tuple[PartitionOrder, str, int]:
    """What orders the reports of a spec: the partition, then the time, then the revision."""
    return partition_order(entry.partition), entry.created_at.isoformat(), entry.revision
