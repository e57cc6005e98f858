"""A spec's reports over the partitions of its data, as the index tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ig_tasks.charts.trend_lines import Moment
from ig_tasks.spec.partitions import ALL, partition_order, with_gaps
from ig_tasks.store.index_entry import IndexedFeature, IndexEntry, order_of

__all__ = ["Timeline", "importance_moments", "timeline_of"]

_MOST = 400
"""Partitions on one page: of more the latest are drawn."""


@dataclass(frozen=True)
class Timeline:
    """The newest official report of each partition.

    Attributes:
        partitions: with those that are missing between the first and the last.
        entries: {partition: its report}.
        changed: {partition: what is not as in the report before: `model`, `baseline`, `settings`}.
    """

    partitions: tuple[str, ...]
    entries: dict[str, IndexEntry]
    changed: dict[str, tuple[str, ...]]

    @property
    def marks(self) -> dict[str, str]:
        """{partition: what changed there, in words}."""
        return {partition: ", ".join(changes) for partition, changes in self.changed.items()}

    def features(self, target: str, space: str, most: int) -> list[str]:
        """The features that lead in any of the reports, the greatest first."""
        sizes: dict[str, float] = {}
        for partition in self.entries:
            for row in self.ranking(partition, target, space).values():
                sizes[row.feature] = max(sizes.get(row.feature, 0.0), row.abs_mean or 0.0)
        return sorted(sizes, key=lambda feature: (-sizes[feature], feature))[:most]

    def rankings(self, target: str, space: str) -> dict[str, dict[str, IndexedFeature]]:
        """{partition: `ranking` of it}, for all partitions."""
        return {partition: self.ranking(partition, target, space) for partition in self.partitions}

    def ranking(self, partition: str, target: str, space: str) -> dict[str, IndexedFeature]:
        """{feature: its importance} in a published report whose output is in these units; else empty."""
        entry = self.entries.get(partition)
        if entry is None or not entry.published:
            return {}
        matches = (indexed for indexed in entry.targets if (indexed.name, indexed.space) == (target, space))
        return {row.feature: row for indexed in matches for row in indexed.features}


def importance_moments(rankings: Mapping[str, Mapping[str, IndexedFeature]], feature: str) -> list[Moment]:
    """A feature's importance in each partition, with its interval; None where the ranking there lacks it."""
    rows = {partition: ranking.get(feature) for partition, ranking in rankings.items()}
    return [
        Moment(partition, None) if row is None else Moment(partition, row.abs_mean, row.low, row.high)
        for partition, row in rows.items()
    ]


def timeline_of(entries: Sequence[IndexEntry]) -> Timeline:
    """The timeline of a spec's reports; of a spec whose data has no partitions the one point `all`."""
    newest: dict[str, IndexEntry] = {}
    for entry in entries:
        known = newest.get(entry.partition)
        # One that was withheld is shown where nothing was published of its partition.
        if entry.official and (known is None or _precedence(known) <= _precedence(entry)):
            newest[entry.partition] = entry
    single = sorted((name for name in newest if name != ALL and ".." not in name), key=partition_order)[-_MOST:]
    names = single or sorted(newest, key=partition_order)
    chosen = {name: newest[name] for name in names}
    changed = {}
    before: IndexEntry | None = None
    for name, entry in chosen.items():
        changes = () if before is None else _changed_parts(before, entry)
        if changes:
            changed[name] = changes
        before = entry
    return Timeline(tuple(with_gaps(single, most=2 * _MOST)) if single else tuple(names), chosen, changed)


def _precedence(entry: IndexEntry) -> tuple[bool, str, int]:
    return entry.published, *order_of(entry)[1:]


def _changed_parts(before: IndexEntry, after: IndexEntry) -> tuple[str, ...]:
    parts = {"model": "model_digest", "baseline": "baseline_digest", "settings": "settings_digest"}
    return tuple(part for part, key in parts.items() if getattr(before, key) != getattr(after, key))
