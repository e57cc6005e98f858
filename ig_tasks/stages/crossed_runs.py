"""Rows of one run explained by the model or from the baseline of another, or with a column of another period.

Results lie under the spec's name in the store, in `crossed/`, each under a key of everything that decides its numbers:
nothing is computed twice, and a comparison that was killed goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.data.dataset import POSITION
from ig_tasks.data.features import feature_matrix
from ig_tasks.data.levels import level_names
from ig_tasks.data.shards import Shard, read_shard
from ig_tasks.errors import DataError, brief
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.spec import AttributionSpec
from ig_tasks.stages.explained_rows import explain_rows
from ig_tasks.stages.kept_results import kept_results
from ig_tasks.stages.left_out import left_out
from ig_tasks.stages.substitution import given_another, substituted
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.stages.worker_models import cached
from ig_tasks.statistics.packing import pack, unpack
from ig_tasks.store import Folder, RunFolder, write_sealed

__all__ = ["CROSSED", "CrossTask", "CrossedRows", "CrossedRuns", "Substitution", "cross_rows"]

CROSSED = "crossed"
"""The folder, beside a name's runs, that holds the results."""

_VERSION = 3
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
    left_out: frozenset[str] = frozenset()
    """Positions of rows that are left out: those that end the process."""

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
                "sample": self.shard.chosen_by,
                "cluster": self.cluster,
                **({"label": self.model.label} if self.model.label else {}),
            },
            "attribution": {**self.attribution.document, "memory_limit": self.memory_limit},
            "substitution": None
            if swapped is None
            else {
                "column": swapped.column,
                "data": swapped.other_digest,
                "rows": swapped.other.rows,
                "sample": swapped.other.chosen_by,
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
    given: tuple[str, ...] | None = None
    """The rows whose column was given another value, explained or not; the others are as they were. None: no column."""

    def together(self, other: CrossedRows) -> tuple[CrossedRows, CrossedRows]:
        """The rows that both explained, in one order."""
        if self.positions == other.positions:
            return self, other
        place = {position: at for at, position in enumerate(other.positions)}
        shared = [at for at, position in enumerate(self.positions) if position in place]
        return self._at(shared), other._at([place[self.positions[at]] for at in shared])

    def _at(self, rows: Sequence[int]) -> CrossedRows:
        clusters = None if self.clusters is None else tuple(self.clusters[row] for row in rows)
        positions = tuple(self.positions[row] for row in rows)
        return CrossedRows(self.features, self.attributions[list(rows)], positions, clusters)


def cross_rows(task: CrossTask, folder_uri: str, name: str) -> int:
    """Explain the task's rows, and leave the result in a file; returns how many rows could be explained.

    Raises:
        UserError: what the engine, the package or the baseline say.
    """
    model = task.model
    loaded = worker_model(model, task.resources)
    package = loaded.package

    def prepare() -> PreparedModel:
        run = RunFolder(task.baseline_uri, "", "")
        return PreparedModel.of(loaded, model.target, model.space, Baseline.of_run(run, package.config.inputs))

    prepared = cached(("crossed", model.digest, task.baseline_uri, loaded.device), prepare)
    segment = prepared.segment
    columns = list(dict.fromkeys([*package.columns, *(column for column in (segment, task.cluster) if column)]))
    frame = read_shard(task.shard, columns)
    if (swapped := task.substitution) is not None:
        other = read_shard(swapped.other, [swapped.column])[swapped.column]
        try:
            values = substituted(frame[swapped.column], other, numbers=swapped.numbers, seed=swapped.seed)
        except (TypeError, ValueError) as error:
            raise DataError(f"column {swapped.column!r} holds what is no number ({brief(error)})") from None
        # What keeps its value keeps its attributions, too: another task has those.
        given = given_another(frame[swapped.column], values, numbers=swapped.numbers)
        frame = frame.assign(**{swapped.column: values}).loc[given]
    # Positions of all rows that were given another value are told, of those that are left out too.
    given_positions, frame = frame[POSITION].tolist(), left_out(frame, task.left_out)
    features = package.features
    attributions = np.empty((0, len(features)))
    refused: list[int] = []
    result, encoded = explain_rows(
        prepared,
        package.encode(frame),
        frame,
        task.attribution,
        memory_limit=task.memory_limit,
        where=f"{task.shard.name}: model.uri: the model at {model.uri}",
    )
    explained = frame[encoded.keep]
    if result is not None:
        refused = list(result.refused)
        by_input = result.attributions
        attributions = feature_matrix(
            by_input if isinstance(by_input, dict) else {features[0].input: by_input}, features
        )
    finite = np.asarray(np.isfinite(attributions).all(axis=1), dtype=bool)
    finite[refused] = False  # as the run itself, which puts them in quarantine
    explained = explained.loc[finite]
    clusters = None if task.cluster is None else level_names(explained[task.cluster]).tolist()
    document = {
        "asked": task.asked(),
        "features": [feature.name for feature in features],
        "positions": explained[POSITION].tolist(),
        "clusters": clusters,
        **({} if swapped is None else {"given": given_positions}),
        "attributions": pack(attributions[finite]),
    }
    write_sealed(Folder(folder_uri), name, document, indent=None)
    return int(finite.sum())


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

    def rows(self, tasks: Sequence[CrossTask]) -> list[CrossedRows]:
        """The result of each task; those that are not in the store are computed, the tasks of one model side by side.

        Raises:
            IgTasksError: what the workers raise.
        """
        order = sorted(range(len(tasks)), key=lambda at: (tasks[at].model.digest, tasks[at].baseline_digest, at))
        documents = kept_results(
            self._folder,
            CROSSED,
            self._session,
            cross_rows,
            [tasks[at] for at in order],
            what="drift",
            say=self._say,
            log=self._log,
            retries=self._retries,
        )
        by_place = dict(zip(order, documents, strict=True))
        return [_read(by_place[at]) for at in range(len(tasks))]


def _read(document: dict[str, Any]) -> CrossedRows:
    features = tuple(document["features"])
    positions = tuple(document["positions"])
    clusters = document["clusters"]
    attributions = unpack(document["attributions"], np.float64, (len(positions), len(features)))
    given = document.get("given")
    return CrossedRows(
        features,
        attributions,
        positions,
        None if clusters is None else tuple(clusters),
        None if given is None else tuple(given),
    )
