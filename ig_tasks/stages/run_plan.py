"""The plan of one run: its model package, its rows, and what its numbers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.shards import Shard, plan_shards
from ig_tasks.errors import RunError
from ig_tasks.models import ModelPackage
from ig_tasks.models.target_config import Target
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.tasks import ModelReference

__all__ = ["ENGINE_VERSION", "MEMORY_LIMIT", "RunPlan", "require_unchanged", "served_target"]

ENGINE_VERSION = 8
"""Part of a run's key: raised when the engine's numbers change in more than rounding."""

MEMORY_LIMIT = 256 * 1024 * 1024
"""Bytes of the engine's batches where the spec says nothing: fixed, so that numbers repeat to the last digit."""


@dataclass(frozen=True)
class RunPlan:
    """The model package and the rows of one run."""

    spec: ExplanationSpec
    package: ModelPackage
    dataset: Dataset
    files: tuple[DataFile, ...]
    partition: str
    served: ModelPackage | None = None
    rows_at: tuple[int, ...] | None = None
    """Positions of the rows that `data.rows` asks for."""

    @property
    def target(self) -> Target:
        """The target that is explained."""
        return self.package.config.choose_target(self.spec.model.target, self.spec.model.space)

    @property
    def parity_space(self) -> str:
        """The space in which outputs are compared with those of the served model, or with stored predictions."""
        return self.spec.validation.parity.space or self.target.space

    @property
    def served_model(self) -> ModelReference | None:
        """The model that is served, if the spec names one."""
        served = self.spec.model.served
        if served is None or self.served is None:
            return None
        return ModelReference(
            uri=served.uri,
            digest=self.served.digest,
            framework=self.served.config.framework,
            trust=served.trust,
            trusted_root=self.model.trusted_root,
            target=served_target(self.served, served.target, self.target.name),
            space=None,
        )

    @property
    def model(self) -> ModelReference:
        """What a worker needs to open the model package."""
        model = self.spec.model
        root = self.spec.origin.trusted_root if self.spec.origin else None
        return ModelReference(
            uri=model.uri,
            digest=self.package.digest,
            framework=self.package.config.framework,
            trust=model.trust,
            trusted_root=root,
            target=model.target,
            space=model.space,
            label=self.package.label.column if self.package.label else None,
        )

    @property
    def rows_available(self) -> int:
        """Rows of the partition, before any sample."""
        return sum(file.rows for file in self.files)

    @property
    def memory_limit(self) -> int:
        """Bytes that the engine's batches may take."""
        return self.spec.attribution.memory_limit or MEMORY_LIMIT

    def data_digest(self) -> str:
        """`sha256:<hex>` over the names and contents of the partition's files."""
        return self.dataset.digest(self.files)

    def shards(self, rows: int | None = None) -> list[Shard]:
        """The shards of this run, the same at every call; with `rows`, its rows in blocks of that many."""
        data, attribution = self.spec.data, self.spec.attribution
        size = rows or self.spec.compute.shard_rows
        return plan_shards(
            self.dataset, self.files, size, sample=data.sample, seed=attribution.seed, rows_at=self.rows_at
        )

    def key_parts(self, *, data_digest: str, baseline_digest: str) -> dict[str, Any]:
        """Everything that decides the numbers, and nothing else: thresholds and labels are not in it."""
        spec = self.spec
        # A target that is named and the only one there is are the same target.
        target = self.target
        attribution = spec.attribution.document
        data = spec.data.model_dump(mode="json", exclude={"uri", "partition"})
        # A key that came later and is not used leaves the folders of earlier runs where they are.
        later = ("cluster", "label", "rows")
        data = {name: value for name, value in data.items() if name not in later or value}
        return {
            "engine": ENGINE_VERSION,
            "model": {"digest": self.package.digest, "target": target.name, "space": target.space},
            "data": {"digest": data_digest, **data},
            "baseline": baseline_digest,
            "attribution": {**attribution, "memory_limit": self.memory_limit},
            "shards": {"rows": spec.compute.shard_rows, "keep_inputs": spec.report.keep_inputs},
        }


def served_target(served: ModelPackage, wanted: str | int | None, explained: str) -> str:
    """The target of the served model that is compared."""
    if wanted is None and explained in served.config.targets:
        return explained
    return served.config.choose_target(wanted, None).name


def require_unchanged(digest: str, expected: str, subject: str) -> None:
    """Refuse to go on with data or a package that changed since the run began.

    Raises:
        RunError: if the digests differ.
    """
    if digest != expected:
        raise RunError(
            f"{subject} changed since the run began ({digest[:19]}, not {expected[:19]}); start the run again"
        )
