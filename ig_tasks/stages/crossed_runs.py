"""Rows of one run explained by the model or from the baseline of another, or with a column of another period.

Results lie under the spec's name in the store, in `crossed/`, each under a key of everything that decides its numbers:
nothing is computed twice, and a comparison that was killed goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.cluster.device import choose_device
from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.dataset import POSITION
from ig_tasks.data.features import feature_matrix
from ig_tasks.data.levels import level_names
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.errors import DataError, brief
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.spec import AttributionSpec
from ig_tasks.stages.substitution import substituted
from ig_tasks.stages.tasks import ModelReference
from ig_tasks.stages.worker_models import cached, loaded_model
from ig_tasks.statistics.packing import pack, unpack
from ig_tasks.store import Folder, RunFolder, read_sealed, run_key, take_sealed, write_sealed

__all__ = ["CROSSED", "CrossTask", "CrossedRows", "CrossedRuns", "Substitution", "cross_rows"]

CROSSED = "crossed"
"""The folder, beside a name's runs, that holds the results."""

_VERSION = 2
"""Raised when results mean something else than before."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Substitution:
    """A column whose values come from the rows of another period."""

    column: str
    numbers: bool
    other: Shard
    other_digest: str
    seed: int


@dataclass(frozen=True)
class CrossTask:
    """Explain a sample of rows by a model, from the baseline of a run.

    baseline_uri, baseline_digest: the folder of the run whose baseline it is, and its digest.
    data_digest: of the data of which `shard` is a sample.
    """

    model: ModelReference
    space: str
    baseline_uri: str
    baseline_digest: str
    shard: Shard
    data_digest: str
    cluster: str | None
    attribution: AttributionSpec
    memory_limit: int
    resources: dict[str, float] = field(default_factory=dict)
    substitution: Substitution | None = None

    def asked(self) -> dict[str, Any]:
        """Everything that decides the numbers."""
        swapped = self.substitution
        return {
            "version": _VERSION,
            "model": {"digest": self.model.digest, "target": self.model.target, "space": self.space},
            "baseline": self.baseline_digest,
            "data": {
                "digest": self.data_digest,
                "rows": self.shard.rows,
                "sample": _sampled(self.shard),
                "cluster": self.cluster,
            },
            "attribution": {**self.attribution.model_dump(mode="json"), "memory_limit": self.memory_limit},
            "substitution": None
            if swapped is None
            else {
                "column": swapped.column,
                "data": swapped.other_digest,
                "rows": swapped.other.rows,
                "sample": _sampled(swapped.other),
                "seed": swapped.seed,
            },
        }


@dataclass(frozen=True)
class CrossedRows:
    """Attributions (rows, features) of the rows that could be explained.

    clusters: (rows,) labels; None where rows stand for themselves.
    """

    features: tuple[str, ...]
    attributions: Floats
    positions: tuple[str, ...]
    clusters: tuple[str, ...] | None

    def together(self, other: CrossedRows) -> tuple[CrossedRows, CrossedRows]:
        """The rows that both explained, in one order."""
        if self.positions == other.positions:
            return self, other
        place = {position: at for at, position in enumerate(other.positions)}
        mine = [at for at, position in enumerate(self.positions) if position in place]
        return self._at(mine), other._at([place[self.positions[at]] for at in mine])

    def _at(self, rows: Sequence[int]) -> CrossedRows:
        clusters = None if self.clusters is None else tuple(self.clusters[row] for row in rows)
        positions = tuple(self.positions[row] for row in rows)
        return CrossedRows(self.features, self.attributions[list(rows)], positions, clusters)


def cross_rows(task: CrossTask, folder_uri: str, name: str) -> int:
    """Explain the task's rows, and leave the result in a file; returns how many rows could be explained.

    Raises:
        UserError: what the engine, the package or the baseline say.
    """
    device = choose_device(task.resources, framework=task.model.framework)
    model = task.model
    loaded = loaded_model(model.uri, model.digest, trust=model.trust, trusted_root=model.trusted_root, device=device)
    package = loaded.package

    def prepare() -> PreparedModel:
        run = RunFolder(task.baseline_uri, "", "")
        return PreparedModel.of(loaded, model.target, model.space, Baseline.of_run(run, package.config.inputs))

    prepared = cached(("crossed", model.digest, task.baseline_uri, device), prepare)
    segment = prepared.segment
    columns = list(dict.fromkeys([*package.columns, *(column for column in (segment, task.cluster) if column)]))
    frame = read_shard(task.shard, columns)
    if (swapped := task.substitution) is not None:
        other = read_shard(swapped.other, [swapped.column])[swapped.column]
        try:
            values = substituted(frame[swapped.column], other, numbers=swapped.numbers, seed=swapped.seed)
        except (TypeError, ValueError) as error:
            raise DataError(f"column {swapped.column!r} holds what is no number ({brief(error)})") from None
        frame = frame.assign(**{swapped.column: values})
    encoded = package.encode(frame)
    kept = frame[encoded.keep]
    features = package.features
    attributions = np.empty((0, len(features)))
    refused: list[int] = []
    if len(kept):
        result = prepared.attribute(
            encoded.inputs,
            task.attribution,
            memory_limit=task.memory_limit,
            fixed=encoded.fixed,
            segments=segments_of(kept, [segment]),
            refuse=False,
        )
        refused = list(result.refused)
        by_input = result.attributions
        attributions = feature_matrix(
            by_input if isinstance(by_input, dict) else {features[0].input: by_input}, features
        )
    finite = np.asarray(np.isfinite(attributions).all(axis=1), dtype=bool)
    finite[refused] = False  # as the run itself, which puts them in quarantine
    kept = kept.loc[finite]
    clusters = None if task.cluster is None else level_names(kept[task.cluster]).tolist()
    document = {
        "asked": task.asked(),
        "features": [feature.name for feature in features],
        "positions": kept[POSITION].tolist(),
        "clusters": clusters,
        "attributions": pack(attributions[finite]),
    }
    write_sealed(Folder(folder_uri), name, document, indent=None)
    return int(finite.sum())


def _sampled(shard: Shard) -> dict[str, Any] | None:
    """What chose a shard's rows among all; None where it holds them all."""
    return None if shard.sample is None else dataclasses.asdict(shard.sample)


class CrossedRuns:
    """The crossed results of a name in the store, computed on Dask workers where they are not there yet."""

    def __init__(
        self,
        folder: Folder,
        session: ComputeSession,
        *,
        say: Callable[[str], None],
        log: Callable[[str], None] | None = None,
        retries: int = 0,
    ) -> None:
        self._folder, self._session, self._say, self._log, self._retries = folder, session, say, log, retries
        self.computed = 0
        """Rows that were explained here; those that were found are not counted."""

    def rows(self, tasks: Sequence[CrossTask]) -> list[CrossedRows]:
        """The result of each task; those that are not in the store are computed, the tasks of one model side by side.

        Raises:
            IgTasksError: what the workers raise.
        """
        names = [f"{CROSSED}/{run_key(task.asked())}.json" for task in tasks]
        missing = {
            name: task
            for name, task in zip(names, tasks, strict=True)
            if take_sealed(self._folder, name, self._say) is None
        }
        todo = sorted(missing.items(), key=lambda item: (item[1].model.digest, item[1].baseline_digest, item[0]))
        if todo:
            total = sum(task.shard.rows for _, task in todo)
            with Progress(total, "drift", log=self._log) as progress:
                resources = todo[0][1].resources
                for _, explained in map_shards(
                    self._session,
                    cross_rows,
                    [{"task": task, "folder_uri": self._folder.uri, "name": name} for name, task in todo],
                    keys=[f"cross-{name.removeprefix(CROSSED)[1:-5]}" for name, _ in todo],
                    resources=resources,
                    retries=self._retries,
                    rows=[task.shard.rows for _, task in todo],
                    progress=progress,
                ):
                    self.computed += explained
        return [self._read(name) for name in names]

    def _read(self, name: str) -> CrossedRows:
        document = read_sealed(self._folder, name)
        features = tuple(document["features"])
        positions = tuple(document["positions"])
        clusters = document["clusters"]
        attributions = unpack(document["attributions"], np.float64, (len(positions), len(features)))
        return CrossedRows(features, attributions, positions, None if clusters is None else tuple(clusters))
