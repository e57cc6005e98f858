"""The stored rows of a finished run as an explanation: what pictures of a run are made of; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ig_tasks.errors import InputError
from ig_tasks.explanations.pictures.shown import Shown
from ig_tasks.store import Folder

__all__ = ["joined_rows", "shown_rows", "stored_place"]

_ATTRIBUTION, _INPUT = "attribution:", "input:"
_ARRAYS = ("matrix", "output", "baseline_output", "status")
_FIGURES = ("row_id", "output", "baseline_output", "status")


def shown_rows(
    run: Folder,
    files: Sequence[str],
    *,
    target: str,
    units: str,
    labels: Mapping[str, str],
    most: int,
    row_id: str | None = None,
) -> Shown:
    """The rows of one target, at most so many, spread evenly over all.

    Args:
        run: the run's folder; what is read is compared with the digests of what was written.
        files: its tables of attributions.
        units: of the attributions.
        labels: {feature: what to write for it}.
        row_id: this row alone.

    Raises:
        InputError: if there is no such row, or none of the target.
        DamagedError: if a table is not what was written.
    """
    counts = [_count(run, file, target) for file in files]
    total = sum(counts)
    step = 1 if row_id is not None else max(1, -(-total // most))
    tables, first = [], 0
    for file, count in zip(files, counts, strict=True):
        table = run.read_table(file)
        table = table.filter(pc.equal(table.column("target"), target))
        if row_id is not None:
            table = table.filter(pc.equal(table.column("row_id"), row_id))
        else:
            table = table.take(pa.array(np.arange(-first % step, count, step)))
            first += count
        if table.num_rows:
            tables.append(table)
        if row_id is not None and tables:
            break
    if not tables:
        what = f"row_id {row_id!r} is not a row" if row_id is not None else f"target: {target!r} has no explained row"
        raise InputError(f"{what} of this run")
    return _shown(pa.concat_tables(tables, promote_options="permissive"), units, labels, 0 if row_id else total)


def stored_place(run: Folder, files: Sequence[str], target: str, place: int) -> str:
    """The id of the row at a place among the explained rows of a target. Raises InputError."""
    counts = [_count(run, file, target) for file in files]
    total = sum(counts)
    if not -total <= place < total:
        raise InputError(
            f"row: {place} is not there; the run has {total:,} explained rows; an id goes as a string, row='...'"
        )
    place %= total
    for file, count in zip(files, counts, strict=True):
        if place < count:
            table = run.read_table(file, columns=["row_id", "target"])
            return str(table.filter(pc.equal(table.column("target"), target)).column("row_id")[place].as_py())
        place -= count
    raise InputError(f"row: {place} is not there")


def joined_rows(parts: Sequence[Shown]) -> Shown:
    """Rows of one target, one after the other."""
    first = parts[0]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
    values = (
        None if first.values is None else np.concatenate([part.values for part in parts if part.values is not None])
    )
    names = [name for part in parts for name in part.names]
    return replace(first, **arrays, values=values, names=names)


def _count(run: Folder, file: str, target: str) -> int:
    column = run.read_table(file, columns=["target"]).column("target")
    return int(pc.sum(pc.equal(column, target)).as_py() or 0)


def _shown(table: pa.Table, units: str, labels: Mapping[str, str], total: int) -> Shown:
    names = [name.removeprefix(_ATTRIBUTION) for name in table.column_names if name.startswith(_ATTRIBUTION)]
    ids, output, baseline, status = (table.column(name).to_pylist() for name in _FIGURES)
    values: Any = None
    if any(_INPUT + name in table.column_names for name in names):
        values = np.full((table.num_rows, len(names)), None, dtype=object)
        for k, name in enumerate(names):
            if _INPUT + name in table.column_names:
                values[:, k] = np.array([*table.column(_INPUT + name).to_pylist(), None], dtype=object)[:-1]
    return Shown(
        tuple(names),
        np.column_stack([table.column(_ATTRIBUTION + name).to_numpy() for name in names]).astype(np.float64),
        values,
        np.array(output, np.float64),
        np.array(baseline, np.float64),
        np.array(status, dtype=np.str_),
        names=[str(row) for row in ids],
        units=units,
        labels=labels,
        rows=total,
        in_spec=True,
    )
