"""The report of a run: what report.json holds, and what every page and exporter is drawn from.

The JSON Schema in `schemas/report-1.json` is made from these models by `write_schema`.
"""

from __future__ import annotations

import json
from datetime import UTC
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from ig_tasks.errors import ReportError
from ig_tasks.presentation.visible import json_visible
from ig_tasks.spec.messages import first_error
from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report_dependence import Dependence, DependencePoint
from ig_tasks.store.report_explanation_quality import ExplanationFigure, ExplanationQualityInfo
from ig_tasks.store.report_quality import CalibrationPart, FeatureGain, Quality
from ig_tasks.store.report_reasons import ReasonCount, ReasonsInfo
from ig_tasks.store.report_results import (
    Check,
    Completeness,
    Contribution,
    Distribution,
    Example,
    GroupImportance,
    Heatmap,
    Histogram,
    Importance,
    Outlier,
    Passage,
    Quantile,
    Verdict,
    Word,
)
from ig_tasks.store.report_sources import (
    AttributionInfo,
    BaselineInfo,
    BaselineObjection,
    BaselineValue,
    DataInfo,
    FeatureInfo,
    ModelInfo,
    OverrideInfo,
    SegmentInfo,
    TargetInfo,
    UnknownCategory,
    UnknownInfo,
)
from ig_tasks.store.report_trust import BaselineStability, ComparedBaseline, Headline, Interpretability
from ig_tasks.store.report_values import Free, Part, plain

__all__ = [
    "SCHEMA_FILE",
    "SCHEMA_VERSION",
    "AttributionInfo",
    "BaselineInfo",
    "BaselineObjection",
    "BaselineStability",
    "BaselineValue",
    "CalibrationPart",
    "Check",
    "ComparedBaseline",
    "Completeness",
    "Contribution",
    "DataInfo",
    "Dependence",
    "DependencePoint",
    "Distribution",
    "Example",
    "ExplanationFigure",
    "ExplanationQualityInfo",
    "FeatureGain",
    "FeatureInfo",
    "GroupImportance",
    "Headline",
    "Heatmap",
    "Histogram",
    "Importance",
    "Interpretability",
    "ModelInfo",
    "Outlier",
    "OverrideInfo",
    "Passage",
    "Quality",
    "Quantile",
    "ReasonCount",
    "ReasonsInfo",
    "Report",
    "SegmentInfo",
    "TargetInfo",
    "UnknownCategory",
    "UnknownInfo",
    "Verdict",
    "Word",
    "report_schema",
    "write_schema",
]

SCHEMA_VERSION = "1.3"
SCHEMA_FILE = Path(__file__).parent / "schemas" / "report-1.json"


class Report(Part):
    """A run's report; report.json is this object."""

    def __repr__(self) -> str:
        told = f"{self.data.rows_explained:,} rows explained, {len(self.checks)} checks"
        return f"Report({self.name!r}, run {self.run_id}, partition {self.partition}, {self.state}: {told})"

    schema_version: str
    state: Literal["published", "withheld"]
    """withheld: a critical check failed."""
    name: str
    run_id: str
    partition: str
    """`all` where the data is not divided."""
    revision: Annotated[int, Field(ge=1)]
    created_at: AwareDatetime
    """UTC."""
    model: ModelInfo
    data: DataInfo
    baseline: BaselineInfo
    targets: tuple[TargetInfo, ...]
    attribution: AttributionInfo
    completeness: Completeness
    importance: tuple[Importance, ...]
    """Over all rows, by target and rank."""
    segments: tuple[Importance, ...]
    """The same by segment."""
    checks: tuple[Check, ...]
    verdicts: tuple[Verdict, ...]
    drift: Drift | None
    """What changed since the report that it is compared with; null where it is compared with none."""
    provenance: Free
    """Digests, versions, seed, batch plan, attempts: anything that says where the numbers come from."""
    timing: Free
    """Seconds by stage."""
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    features: tuple[FeatureInfo, ...] = ()
    examples: tuple[Example, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    segment_columns: tuple[SegmentInfo, ...] = ()
    groups: tuple[GroupImportance, ...] = ()
    """Groups of features over all rows, by target and rank; empty where the spec names no group."""
    outliers: tuple[Outlier, ...] = ()
    """Important features of which one row has a tenth of the importance or more, over all rows."""
    outliers_within: tuple[Outlier, ...] = ()
    """The same within segments, and of groups of features over all rows."""
    dependence: tuple[Dependence, ...] = ()
    """How the attributions of the leading features depend on their values; by target, the most important first."""
    overrides: tuple[OverrideInfo, ...] = ()
    """Settings that were not the spec's own: the run is ad-hoc, and latest.json never names it. Empty: official."""
    quality: tuple[Quality, ...] = ()
    """How good the model was, by target; empty where the spec names no `data.label`."""
    reasons: ReasonsInfo | None = None
    """Adverse decisions and their reasons; null where the spec has no section `reasons`."""
    explanation_quality: ExplanationQualityInfo | None = None
    """How good the explanations are; null where the spec has no section `explanation_quality`."""
    headline: Headline | None = None
    """What was proven; null in reports of earlier versions."""
    interpretability: Interpretability | None = None
    """The one score of a report, with its factors; null in reports of earlier versions."""

    @property
    def official(self) -> bool:
        """Whether the run had the spec's own settings; else it is ad-hoc."""
        return not self.overrides

    @property
    def published(self) -> bool:
        """Whether the checks let the report be published."""
        return self.state == "published"

    def ranking(self, target: str | None = None) -> tuple[Importance, ...]:
        """Importance over all rows of one target (None: the first), the greatest first."""
        wanted = self._target(target)
        return tuple(sorted((row for row in self.importance if row.target == wanted), key=lambda row: row.rank))

    def group_ranking(self, target: str | None = None) -> tuple[GroupImportance, ...]:
        """Importance of the groups for one target (None: the first), the greatest first."""
        wanted = self._target(target)
        return tuple(sorted((row for row in self.groups if row.target == wanted), key=lambda row: row.rank))

    def failed(self, severity: Literal["critical", "warning"] | None = None) -> tuple[Check, ...]:
        """The checks that failed, in their order."""
        return tuple(check for check in self.checks if not check.success and severity in (None, check.severity))

    def _target(self, name: str | None) -> str | None:
        return name if name is not None else (self.targets[0].name if self.targets else None)

    def label(self, feature: str) -> str:
        """What people call a feature; its name where nothing else is known."""
        features, labels = self._labels
        if features is not self.features:  # a copy with other features carries what was cached for the first
            del self.__dict__["_labels"]
            labels = self._labels[1]
        return labels.get(feature, feature)

    @cached_property
    def _labels(self) -> tuple[tuple[FeatureInfo, ...], dict[str, str]]:
        """The features that the labels belong to, and {feature: label}: a page asks once per feature."""
        return self.features, {item.name: item.label for item in reversed(self.features) if item.label}

    def to_json(self) -> str:
        """report.json: keys in the order of the contract, two spaces, a newline at the end."""
        utc = self.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        body = self.model_dump(mode="json")
        body["created_at"] = utc
        return json_visible(json.dumps(plain(body), indent=2, ensure_ascii=False, allow_nan=False)) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """The report that `text` holds.

        Raises:
            ReportError: when it is not JSON, not a report, or of a later major version.
        """
        try:
            body = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReportError(f"report: not JSON ({error}); the file is damaged, run again") from None
        version = str(body.get("schema_version", "")) if isinstance(body, dict) else ""
        if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
            raise ReportError(
                f"report.schema_version: {version or 'absent'}; this version of ig-tasks reads 1.x, "
                "read it with the version that wrote it"
            )
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            fault = first_error(error, cls, missing="is missing")
            raise ReportError(f"report.{fault}; the file is damaged, run again") from None


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of report.json."""
    schema = Report.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema() -> None:
    """Write SCHEMA_FILE anew, after the models changed."""
    SCHEMA_FILE.write_text(json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
