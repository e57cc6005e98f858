"""What a run was planned of, kept in its folder: who judges or renders it again needs neither package nor data."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic_core import to_jsonable_python

from ig_tasks.data.features import Feature, features_of
from ig_tasks.models.config import ModelConfig
from ig_tasks.models.target_config import Target
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.planning import baseline_files
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.store import Folder, Manifest

__all__ = ["PLAN", "PlanFacts", "facts_of", "stored_facts"]

PLAN = "plan.json"
"""The file of a run's folder that holds its facts."""

_VERSION = 1


@dataclass(frozen=True)
class PlanFacts:
    """What a report says of a run's model and rows besides the run's results.

    Attributes:
        partition: the partition explained, in its one spelling.
        rows_available: rows of the partition when the run began.
        model_digest: of the model package.
        config: its model.yaml, with vocabularies and calibrations, without the arguments of its code.
        fitted_on_own_rows: whether the baseline was fitted on the rows of the run.
    """

    partition: str
    rows_available: int
    model_digest: str
    config: ModelConfig
    fitted_on_own_rows: bool

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """What the report speaks of, in the order of the inputs."""
        return features_of(self.config.inputs)

    def target(self, spec: ExplanationSpec) -> Target:
        """The target that is explained."""
        return self.config.choose_target(spec.model.target, spec.model.space)

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it. Numbers of the card that are not finite become null."""
        inputs = {
            # `InputSpec` writes itself as keys of the store need it: a tokenizer as a digest, for instance.
            name: to_jsonable_python({field: getattr(spec, field) for field in sorted(spec.model_fields_set)})
            for name, spec in self.config.inputs.items()
        }
        config = self.config.model_dump(mode="json", exclude={"inputs", "arguments"})
        return {
            "version": _VERSION,
            "partition": self.partition,
            "rows_available": self.rows_available,
            "model": {"digest": self.model_digest, "config": _finite({**config, "inputs": inputs})},
            "fitted_on_own_rows": self.fitted_on_own_rows,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PlanFacts:
        """The facts that `to_json` wrote."""
        config = document["model"]["config"]
        inputs = {name: _with_column_numbers(section) for name, section in config["inputs"].items()}
        return cls(
            partition=document["partition"],
            rows_available=document["rows_available"],
            model_digest=document["model"]["digest"],
            config=ModelConfig.model_validate({**config, "inputs": inputs}),
            fitted_on_own_rows=document["fitted_on_own_rows"],
        )

    def to_bytes(self) -> bytes:
        """The content of plan.json."""
        return (json.dumps(self.to_json(), allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def facts_of(plan: RunPlan) -> PlanFacts:
    """What is kept of a plan."""
    return PlanFacts(
        partition=plan.partition,
        rows_available=plan.rows_available,
        model_digest=plan.package.digest,
        config=plan.package.config,
        fitted_on_own_rows=_fitted_on_own_rows(plan),
    )


def stored_facts(run: Folder) -> PlanFacts | None:
    """The facts in a run's folder; None where an earlier version wrote none, or a later one other ones.

    Raises:
        DamagedError: if the file is not what was written.
    """
    manifest = Manifest(run)
    if PLAN not in manifest.document.get("files", {}):
        return None
    document = json.loads(manifest.read(PLAN, known=True))
    return PlanFacts.from_json(document) if document["version"] == _VERSION else None


def _fitted_on_own_rows(plan: RunPlan) -> bool:
    """Whether the baseline's data are the run's: they say nothing of what is usual then."""
    baseline = plan.spec.baseline
    if baseline.uri:
        return baseline.uri == plan.spec.data.uri
    _, files = baseline_files(plan.spec, plan.dataset)
    return {file.path for file in files if file.rows} == {file.path for file in plan.files if file.rows}


def _with_column_numbers(document: Mapping[str, Any]) -> dict[str, Any]:
    """An input whose `layer` names columns by their numbers, which JSON makes text of."""
    layer = document.get("layer")
    if not isinstance(layer, dict):
        return dict(document)
    known = document["columns"]
    named = {int(key) if key.isdigit() and key not in known else key: value for key, value in layer.items()}
    return {**document, "layer": named}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
