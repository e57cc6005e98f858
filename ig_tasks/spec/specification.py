"""The whole spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ig_tasks.errors import SpecError
from ig_tasks.spec.approval_section import ApprovalSpec
from ig_tasks.spec.baseline import BaselineSpec
from ig_tasks.spec.check_sections import ValidationSpec
from ig_tasks.spec.drift_section import DriftSpec
from ig_tasks.spec.explanation_quality_section import ExplanationQualitySpec
from ig_tasks.spec.fields import Names, PartitionText, Section
from ig_tasks.spec.messages import first_error
from ig_tasks.spec.overrides import Override, merge_overrides, overrides_between
from ig_tasks.spec.reasons_section import ReasonsSpec
from ig_tasks.spec.sections import (
    AttributionSpec,
    ComputeSpec,
    DataSpec,
    FeatureSpec,
    ModelSpec,
    Origin,
    ReportSpec,
    ScheduleSpec,
)
from ig_tasks.spec.uris import Prose, Uri, environment_uri
from ig_tasks.spec.verdicts_section import VerdictsSpec

STORE_VARIABLE = "IG_TASKS_STORE"


def _short_form(field: str) -> Any:
    """A string stands for `{field: string}`."""

    def expand(value: Any) -> Any:
        return {field: value} if isinstance(value, str) else value

    return BeforeValidator(expand)


class ExplanationSpec(Section):
    """What to explain: a model, its data, a baseline, and when the result may be published.

    Immutable. `load_spec` reads one from YAML with its paths made absolute, so that what travels inside
    a DAG or lies in a run's folder means the same everywhere.
    """

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$", description="DAG ig_<name>, asset ig://<name>")]
    description: Prose = ""
    owner: Prose = ""
    tags: Names = ()
    schedule: Annotated[ScheduleSpec | None, _short_form("cron")] = None
    partition: Annotated[PartitionText | None, Field(description="the partition of a run that is given none")] = None
    model: Annotated[ModelSpec, _short_form("uri")]
    data: Annotated[DataSpec, _short_form("uri")]
    baseline: Annotated[BaselineSpec, _short_form("strategy")] = BaselineSpec()
    attribution: AttributionSpec = AttributionSpec()
    compute: ComputeSpec = ComputeSpec()
    validation: ValidationSpec = ValidationSpec()
    drift: Annotated[DriftSpec, _short_form("reference")] = DriftSpec()
    verdicts: VerdictsSpec = VerdictsSpec()
    approval: Annotated[ApprovalSpec, _short_form("severity")] = ApprovalSpec()
    reasons: ReasonsSpec | None = None
    explanation_quality: ExplanationQualitySpec | None = None
    report: ReportSpec = ReportSpec()
    features: dict[str, FeatureSpec] = Field(default_factory=dict)
    store: Annotated[Uri | None, Field(description="any fsspec URI; left out: $IG_TASKS_STORE, else ig_runs")] = None
    origin: Annotated[Origin | None, Field(description="set by the loader")] = None
    overrides: Annotated[tuple[Override, ...], Field(description="set where a run differs from its spec")] = ()

    @model_validator(mode="after")
    def _population_that_passes(self) -> ExplanationSpec:
        if self.reasons is not None and self.baseline.side == self.reasons.adverse:
            raise ValueError(
                f"baseline.side: the population lies {self.baseline.side} its cutoff, where reasons.adverse says that "
                f"decisions are adverse; write side: {'below' if self.baseline.side == 'above' else 'above'}"
            )
        return self

    @classmethod
    def from_resolved(cls, document: Any) -> ExplanationSpec:
        """A spec that was resolved before: the JSON inside a DAG, or spec.yaml in a run's folder.

        Raises:
            SpecError: if the document is not a resolved spec.
        """
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise SpecError(f"spec: {first_error(error, cls)}") from None

    def to_document(self) -> dict[str, Any]:
        """The resolved spec as JSON values; `from_resolved` reads it back unchanged."""
        return self.model_dump(mode="json")

    def with_overrides(
        self,
        *,
        partition: str | None = None,
        sample: int | None = None,
        tolerance: float | None = None,
        baseline: str | None = None,
        rows: Sequence[str] | None = None,
        target: str | None = None,
    ) -> ExplanationSpec:
        """This spec with the few settings that a single run may change; None leaves a setting as it is.

        What differs from the spec then is noted in `overrides`, and the run is ad-hoc. A partition is not an override.

        Raises:
            SpecError: if a value is out of range.
        """
        document = self.to_document()
        if partition is not None:
            document["partition"] = partition
        if sample is not None:
            document["data"]["sample"] = sample
            document["data"]["rows"] = []
        if rows is not None:
            document["data"]["rows"] = list(rows)
            document["data"]["sample"] = None
        if target is not None:
            document["model"]["target"] = target
        if tolerance is not None:
            document["attribution"]["tolerance"] = tolerance
        if baseline is not None:
            document["baseline"] = self.baseline.with_strategy(baseline)
        return self.from_resolved(document).noting_overrides_of(self)

    @property
    def official(self) -> bool:
        """Whether a run of this spec has the spec's own settings; else it is ad-hoc."""
        return not self.overrides

    def noting_overrides_of(self, own: ExplanationSpec) -> ExplanationSpec:
        """This spec, with where it differs from the one it was made of noted in `overrides`."""
        overrides = overrides_between(own.to_document(), self.to_document())
        return self.model_copy(update={"overrides": merge_overrides(own.overrides, overrides)})

    def store_uri(self) -> str:
        """Where the runs lie: the spec's `store`, else $IG_TASKS_STORE, else a folder ig_runs beside the project.

        Raises:
            SpecError: if the variable holds a secret.
        """
        chosen = self.store or environment_uri(STORE_VARIABLE)
        if chosen:
            return chosen if "://" in chosen else str(Path(chosen).absolute())
        return self.store_beside()

    def store_beside(self) -> str:
        """Where the runs lie if nothing says where: in a folder ig_runs beside the project."""
        root = Path(self.origin.trusted_root) if self.origin else Path.cwd()
        return str((root.parent if root.name == "include" else root) / "ig_runs")
