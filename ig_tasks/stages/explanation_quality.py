"""How good the explanations of a sample of rows are: the work of one Dask task."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.data.levels import level_names
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.explanations.explanation import Explanation
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.explanations.quality import ExplanationQuality, judge_explanation
from ig_tasks.spec import AttributionSpec
from ig_tasks.spec.explanation_quality_section import ExplanationQualitySpec
from ig_tasks.stages.explained_rows import explain_rows
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.stages.worker_models import cached
from ig_tasks.statistics import MISSING
from ig_tasks.store import Folder, RunFolder, write_sealed

__all__ = ["ExplanationQualityTask", "judge_explanations"]

_VERSION = 1
"""Raised when results mean something else than before."""


@dataclass(frozen=True)
class ExplanationQualityTask:
    """Judge the explanations of a sample of a run's rows.

    Attributes:
        baseline_uri, baseline_digest: the folder of the run whose baseline it is, and its digest.
        data_digest: of the data of which `shard` is a sample.
    """

    model: ModelReference
    baseline_uri: str
    baseline_digest: str
    shard: Shard
    data_digest: str
    cluster: str | None
    attribution: AttributionSpec
    section: ExplanationQualitySpec
    memory_limit: int
    resources: dict[str, float] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""

    def asked(self) -> dict[str, Any]:
        """Everything that decides the figures."""
        return {
            "explanation_quality": _VERSION,
            "model": {"digest": self.model.digest, "target": self.model.target, "space": self.model.space},
            "baseline": self.baseline_digest,
            "data": {
                "digest": self.data_digest,
                "rows": self.shard.rows,
                "sample": self.shard.chosen_by,
                "cluster": self.cluster,
            },
            "attribution": self.attribution.model_dump(mode="json"),
            "section": self.section.model_dump(mode="json"),
        }


def judge_explanations(task: ExplanationQualityTask, folder_uri: str, name: str) -> int:
    """Leave the figures in a file; returns of how many rows they are.

    Raises:
        UserError: what the engine, the package or the baseline say.
    """
    model, section = task.model, task.section
    loaded = worker_model(model, task.resources)
    package = loaded.package

    def prepare() -> PreparedModel:
        baseline = Baseline.of_run(RunFolder(task.baseline_uri, "", ""), package.config.inputs)
        return PreparedModel.of(loaded, model.target, model.space, baseline)

    prepared = cached(("explanation_quality", model.digest, task.baseline_uri, loaded.device), prepare)
    columns = [*package.columns, *(column for column in (prepared.segment, task.cluster) if column)]
    frame = left_out(read_shard(task.shard, list(dict.fromkeys(columns))), task.left_out)
    result, encoded = explain_rows(
        prepared,
        package.encode(frame),
        frame,
        task.attribution,
        memory_limit=task.memory_limit,
        where=f"{task.shard.name}: model.uri: the model at {model.uri}",
    )
    found = ExplanationQuality(0, (), {"all": "no row of the sample could be explained"})
    if result is not None:
        explained = frame[encoded.keep]
        segments = segments_of(explained, [prepared.segment]) if prepared.segment else {}
        asked = prepared.asked(encoded, task.attribution, task.memory_limit, segments, explained)
        nothing = np.full((len(explained), len(package.features)), None, dtype=object)  # no value is shown
        explanation = replace(Explanation.of_features(result, package.features, nothing), asked=asked)
        clusters = None
        if task.cluster is not None:
            labels = level_names(explained[task.cluster])
            clusters = [None if label == MISSING else label for label in labels.tolist()]
        if np.isfinite(explanation.matrix).all(axis=1).any():
            found = judge_explanation(
                explanation,
                rows=max(len(explained), 2),
                checks=section.checks,
                baselines=None,
                scale=None,
                labels=clusters,
                draws=section.draws,
                radius=section.radius,
                seed=task.attribution.seed,
            )
    document = {
        "asked": task.asked(),
        "rows": found.rows,
        "figures": [asdict(figure) for figure in found.figures],
        "aside": dict(found.aside),
    }
    write_sealed(Folder(folder_uri), name, document, indent=None)
    return found.rows
