"""What is known of a shard without reading its rows again, mergeable with what is known of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ig_tasks.statistics import (
    AttributionSums,
    CategoryCounts,
    FeatureStatistics,
    GroupedStatistics,
    UnknownCounts,
)
from ig_tasks.statistics.packing import TEXT, Packing

__all__ = ["ShardSummary"]

_NONE = UnknownCounts(0, 0, 0)


@dataclass(frozen=True)
class ShardSummary:
    """What is known of a shard without reading its rows again. Everything in it can be merged with other shards'.

    attributions: {target: statistics over the target's units}; outputs likewise, of the model's output;
    relative_delta: statistics of the one column `relative_delta`; numbers, categories: of the inputs.
    """

    shard: str
    rows_read: int
    rows_explained: int
    rows_unconverged: int
    reasons: Mapping[str, int]
    evaluations: int
    baseline_output: Mapping[str, float]
    attributions: Mapping[str, GroupedStatistics]
    outputs: Mapping[str, FeatureStatistics]
    relative_delta: FeatureStatistics
    numbers: FeatureStatistics
    categories: Mapping[str, CategoryCounts]
    details: Mapping[str, Any]
    files: Mapping[str, str]
    seconds: float
    rows_unverified: int = 0
    """Rows that add up, of a rule without an error estimate: neither converged nor unconverged."""
    unknown: Mapping[str, UnknownCounts] = field(default_factory=dict)
    """{feature: what the explained rows hold of categories that the model does not know}"""
    unseen_levels: int = 0
    """Rows whose level of the baseline's segment it was not fitted for: they have the overall baseline."""
    sums: Mapping[str, AttributionSums] = field(default_factory=dict)
    """{target: sums by cell of a feature's values and by cluster}; empty in runs of versions that kept none."""

    @property
    def rows_converged(self) -> int:
        """Explained rows whose error estimate is within the tolerance."""
        return self.rows_explained - self.rows_unconverged - self.rows_unverified

    @property
    def rows_quarantined(self) -> int:
        """Rows that could not be explained."""
        return self.rows_read - self.rows_explained

    def to_json(self, packing: Packing = TEXT) -> dict[str, Any]:
        """The summary as JSON values, exact, with arrays as `packing` has them; `from_json` reads them."""
        return {
            "shard": self.shard,
            "rows_read": self.rows_read,
            "rows_explained": self.rows_explained,
            "rows_unconverged": self.rows_unconverged,
            "rows_unverified": self.rows_unverified,
            "rows_quarantined": self.rows_quarantined,
            "quarantine_reasons": dict(self.reasons),
            "evaluations": self.evaluations,
            "baseline_output": dict(self.baseline_output),
            "attributions": {target: statistics.to_json(packing) for target, statistics in self.attributions.items()},
            "outputs": {target: statistics.to_json(packing) for target, statistics in self.outputs.items()},
            "relative_delta": self.relative_delta.to_json(packing),
            "inputs": {
                "numbers": self.numbers.to_json(packing),
                "categories": {column: counts.to_json() for column, counts in self.categories.items()},
                "unknown": {feature: counts.to_json() for feature, counts in self.unknown.items()},
            },
            "details": dict(self.details),
            "files": dict(self.files),
            "seconds": round(self.seconds, 3),
            **({"unseen_levels": self.unseen_levels} if self.unseen_levels else {}),
            "sums": {target: sums.to_json(packing) for target, sums in self.sums.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ShardSummary:
        """The summary that `to_json` wrote."""
        inputs = data["inputs"]
        return cls(
            shard=data["shard"],
            rows_read=data["rows_read"],
            rows_explained=data["rows_explained"],
            rows_unconverged=data["rows_unconverged"],
            reasons=data["quarantine_reasons"],
            evaluations=data["evaluations"],
            baseline_output=data["baseline_output"],
            attributions={target: GroupedStatistics.from_json(item) for target, item in data["attributions"].items()},
            outputs={target: FeatureStatistics.from_json(item) for target, item in data["outputs"].items()},
            relative_delta=FeatureStatistics.from_json(data["relative_delta"]),
            numbers=FeatureStatistics.from_json(inputs["numbers"]),
            categories={column: CategoryCounts.from_json(item) for column, item in inputs["categories"].items()},
            details=data["details"],
            files=data["files"],
            seconds=data["seconds"],
            rows_unverified=data.get("rows_unverified", 0),
            unknown={feature: UnknownCounts.from_json(item) for feature, item in inputs.get("unknown", {}).items()},
            unseen_levels=data.get("unseen_levels", 0),
            sums={target: AttributionSums.from_json(item) for target, item in data.get("sums", {}).items()},
        )

    def merge(self, other: ShardSummary) -> ShardSummary:
        """Both shards as one; `shard`, `baseline_output`, `details` and `files` stay those of the first."""
        return ShardSummary(
            shard=self.shard,
            rows_read=self.rows_read + other.rows_read,
            rows_explained=self.rows_explained + other.rows_explained,
            rows_unconverged=self.rows_unconverged + other.rows_unconverged,
            reasons=dict(sorted((Counter(self.reasons) + Counter(other.reasons)).items())),
            evaluations=self.evaluations + other.evaluations,
            baseline_output=self.baseline_output or other.baseline_output,
            attributions={target: item.merge(other.attributions[target]) for target, item in self.attributions.items()},
            outputs={target: item.merge(other.outputs[target]) for target, item in self.outputs.items()},
            relative_delta=self.relative_delta.merge(other.relative_delta),
            numbers=self.numbers.merge(other.numbers),
            categories={column: item.merge(other.categories[column]) for column, item in self.categories.items()},
            details=self.details or other.details,
            files=self.files,
            seconds=self.seconds + other.seconds,
            rows_unverified=self.rows_unverified + other.rows_unverified,
            unknown=_merged(self.unknown, other.unknown),
            unseen_levels=self.unseen_levels + other.unseen_levels,
            sums={target: sums.merge(other.sums[target]) for target, sums in self.sums.items() if target in other.sums},
        )


def _merged(first: Mapping[str, UnknownCounts], second: Mapping[str, UnknownCounts]) -> dict[str, UnknownCounts]:
    """Counts of both; a feature that one side did not count is taken from the other."""
    features = dict.fromkeys([*first, *second])
    return {feature: first.get(feature, _NONE).merge(second.get(feature, _NONE)) for feature in features}
