"""The rows of a run in the terms of the package shap: the fields of `shap.Explanation`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ig_tasks.errors import InputError
from ig_tasks.store import Folder

__all__ = ["require_shap", "shap_fields"]

_ATTRIBUTION, _INPUT = "attribution:", "input:"


def shap_fields(
    run: Folder, files: Sequence[str], target: str | None = None, rows: int | None = None
) -> dict[str, Any]:
    """values (rows, features), base_values (rows,), data (rows, features) or None, feature_names, instance_names.

    Args:
        run: the run's folder.
        files: its tables of attributions.
        target: which of several targets; None: the first.
        rows: at most so many, spread evenly over all; None: all of them.

    Raises:
        InputError: if there is no such target, or no row of it.
        DamagedError: if a table is not what was written.
    """
    values: list[np.ndarray] = []
    bases: list[np.ndarray] = []
    data: list[np.ndarray] = []
    ids: list[str] = []
    names: list[str] = []
    targets: dict[str, None] = {}
    for file in files:
        table = run.read_table(file)
        targets |= dict.fromkeys(pc.unique(table.column("target")).to_pylist())
        chosen = target if target is not None else next(iter(targets), None)
        table = table.filter(pc.equal(table.column("target"), chosen))
        names = [name.removeprefix(_ATTRIBUTION) for name in table.column_names if name.startswith(_ATTRIBUTION)]
        values.append(np.column_stack([table.column(_ATTRIBUTION + name).to_numpy() for name in names]))
        bases.append(table.column("baseline_output").to_numpy().astype(np.float64))
        ids += table.column("row_id").to_pylist()
        if all(_INPUT + name in table.column_names for name in names):
            columns = [np.array(table.column(_INPUT + name).to_pylist(), dtype=object) for name in names]
            data.append(np.column_stack(columns))
    if not ids:
        known = ", ".join(targets) or "none"
        raise InputError(f"target: {target!r} has no explained row in this run; its targets: {known}")
    step = 1 if rows is None else max(1, -(-len(ids) // rows))
    return {
        "values": np.concatenate(values)[::step],
        "base_values": np.concatenate(bases)[::step],
        "data": np.concatenate(data)[::step] if len(data) == len(values) else None,
        "feature_names": names,
        "instance_names": ids[::step],
    }


def require_shap() -> Any:
    """The package shap.

    Raises:
        InputError: if it is not installed.
    """
    try:
        return import_module("shap")
    except ImportError as error:
        raise InputError("to_shap: the package shap is not installed; pip install shap") from error
