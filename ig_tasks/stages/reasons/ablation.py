"""The decision without each of its reasons, for every adverse row of a shard: the work of one Dask task.

The results lie beside the crossed runs under a key of everything that decides them. Texts and codes are not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.data.dataset import POSITION
from ig_tasks.data.shards import Shard, read_shard, row_ids
from ig_tasks.errors import RunError
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.spec import AttributionSpec
from ig_tasks.stages.crossed_runs import CROSSED
from ig_tasks.stages.reasons.finding import ReasonedRun
from ig_tasks.stages.reasons.rules import Player, ReasonRules
from ig_tasks.stages.reasons.without import WithoutReasons, without
from ig_tasks.stages.tasks import ModelReference, worker_model
from ig_tasks.stages.worker_models import cached
from ig_tasks.store import Folder, RunFolder, read_sealed, run_key, write_sealed

__all__ = ["ReasonAblation", "ablate_reasons", "ablation_key", "with_ablations"]

_VERSION = 1
"""Raised when results mean something else than before."""

_LIKE = 1e-3
"""How far an output may lie from the stored one, of its size and that of its attributions: machines differ in less."""

Floats = NDArray[np.float64]


def ablation_key(run: Mapping[str, Any], rules: ReasonRules, table_digest: str) -> dict[str, Any]:
    """Everything that decides the results of one shard.

    Args:
        run: what decides the run's numbers (`key_parts` of its manifest).
        table_digest: of the shard's attributions, which say which rows are adverse, and for which reasons.
    """
    section = rules.section
    return {
        "reason_ablation": _VERSION,
        "model": run["model"],
        "baseline": run["baseline"],
        "precision": run["attribution"].get("precision"),
        "attributions": table_digest,
        "decision": {"threshold": section.threshold, "space": rules.space, "adverse": section.adverse},
        "reasons": {"top": section.top, "players": {player.name: player.features for player in rules.players}},
    }


def with_ablations(rows: ReasonedRun, folder: Folder, run: Mapping[str, Any]) -> ReasonedRun:
    """The rows with the decisions without each reason; as they were, unless those of all files are in the store.

    Args:
        folder: of the run.
        run: its `key_parts`.

    Raises:
        DamagedError: if a result is not what was written.
    """
    found, kept = {}, Folder(folder.uri.rpartition("/")[0])
    for file in rows.files:
        name = f"{CROSSED}/{run_key(ablation_key(run, rows.rules, rows.tables.digest_of(file)))}.json"
        try:
            found[file] = WithoutReasons.from_json(read_sealed(kept, name))
        except FileNotFoundError:
            return rows
    return replace(rows, ablations=found)


@dataclass(frozen=True)
class ReasonAblation:
    """Hold each reason of a shard's adverse rows at the run's baseline.

    Attributes:
        model: with the target and the space explained.
        run: what decides the run's numbers.
        rows: the shard's one file of attributions, and the rules.
        shard: the same rows as the data hold them.
        id_column: what the run calls its rows by.
    """

    model: ModelReference
    run: Mapping[str, Any]
    rows: ReasonedRun
    shard: Shard
    id_column: str | None
    attribution: AttributionSpec
    memory_limit: int
    resources: dict[str, float] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    """Positions of rows with which the model is not asked, to find those that end the process."""
    needs_all_rows: ClassVar[bool] = True

    def asked(self) -> dict[str, Any]:
        """Everything that decides the numbers."""
        return ablation_key(self.run, self.rows.rules, self.rows.tables.digest_of(self.rows.files[0]))


def ablate_reasons(task: ReasonAblation, folder_uri: str, name: str) -> int:
    """Leave the decisions without each reason in a file; returns how many rows have reasons.

    Raises:
        UserError: what the engine, the package or the baseline say.
        RunError: if the data are no longer those that were explained.
        DamagedError: if the attributions are not what was written.
    """
    table = task.rows.tables.read_table(task.rows.files[0])
    reasons = {
        place: [reason.player for reason in row.reasons] for place, row in task.rows.placed_rows(table) if row.reasons
    }
    results, changed = _ablated(task, table, reasons) if reasons else (np.empty(0), np.empty(0))
    counts = np.array([len(of_row) for of_row in reasons.values()], np.int64)
    without_reasons = WithoutReasons(np.array(list(reasons), np.int64), counts, results, changed)
    write_sealed(Folder(folder_uri), name, {"asked": task.asked(), **without_reasons.to_json()}, indent=None)
    return len(reasons)


def _ablated(task: ReasonAblation, table: pa.Table, reasons: Mapping[int, list[Player]]) -> tuple[Floats, Floats]:
    """`results` and `changed` of each reason of each row, one row after the other."""
    loaded = worker_model(task.model, task.resources)
    package, run = loaded.package, task.rows.tables

    def prepare() -> PreparedModel:
        baseline = Baseline.of_run(RunFolder(run.uri, "", ""), package.config.inputs)
        return PreparedModel.of(loaded, task.model.target, task.model.space, baseline)

    prepared = cached(("reasons", task.model.digest, run.uri, loaded.device), prepare)
    segment = [prepared.segment] if prepared.segment else []
    columns = [*package.columns, *segment, *([task.id_column] if task.id_column else [])]
    frame = _as_explained(task, read_shard(task.shard, list(dict.fromkeys(columns))), table).iloc[list(reasons)]
    if task.left_out:
        kept = ~frame[POSITION].isin(task.left_out).to_numpy()
        frame, reasons = frame[kept], {at: reasons[at] for at in np.array(list(reasons))[kept].tolist()}
    encoded = package.encode(frame)
    if not encoded.keep.all():
        raise _data_changed(run)
    outputs = loaded.output(encoded.arrays, task.model.target, task.model.space)
    _require_same_outputs(run, table.take(list(reasons)), outputs)
    rows, players = [], []
    for row, of_row in enumerate(reasons.values()):
        rows += [row] * len(of_row)
        players += of_row
    row_of, name_of = np.array(rows), np.array([player.name for player in players], dtype=object)
    shares = prepared.baseline.shares
    results, changed = np.empty(len(rows)), np.empty(len(rows))
    for player in dict.fromkeys(players):
        slots = np.flatnonzero(name_of == player.name)
        some = row_of[slots]
        replaced = next(
            prepared.ablated(
                {name: array[some] for name, array in encoded.inputs.items()},
                task.attribution,
                memory_limit=task.memory_limit,
                fixed={name: mask[some] for name, mask in encoded.fixed.items()},
                segments=segments_of(frame.iloc[some], segment),
                together=[player.features],
            )
        )
        counted = np.full(len(replaced), 1.0 / len(replaced)) if shares is None else np.asarray(shares, np.float64)
        results[slots], changed[slots] = without(task.rows.rules, np.stack(replaced), counted)
    return results, changed


def _as_explained(task: ReasonAblation, frame: pd.DataFrame, table: pa.Table) -> pd.DataFrame:
    """The rows of the table as the data hold them; both have one order, and the table has fewer rows."""
    ids = row_ids(frame, task.id_column).tolist()
    places, at = [], 0
    for row_id in table.column("row_id").to_pylist():
        try:
            at = ids.index(row_id, at)
        except ValueError:
            raise _data_changed(task.rows.tables) from None
        places.append(at)
        at += 1
    return frame.iloc[places]


def _require_same_outputs(run: RunFolder, table: pa.Table, outputs: Floats) -> None:
    stored = table.column("output").to_numpy()
    attributed = [table.column(name).to_numpy() for name in table.column_names if name.startswith("attribution:")]
    size = np.abs(stored) + np.abs(np.stack(attributed)).sum(axis=0)
    if np.any(~(np.abs(outputs - stored) <= _LIKE * size)):
        raise _data_changed(run)


def _data_changed(run: RunFolder) -> RunError:
    return RunError(f"the data of run {run.run_id} is no longer what was explained")
