"""The baselines of one call of `explain`, whatever they were given as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import Lookup
from ig_tasks.attribution.feeds import Layers
from ig_tasks.baselines.arrays import Rows, Samples, array_baselines, fit_on_rows
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.input_layouts import InputLayout, layouts_of
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.baselines.strategy import strategy_spec
from ig_tasks.errors import BaselineError, InputError, suggest
from ig_tasks.models.loaded import LoadedModel

__all__ = ["package_layouts", "reference_rows", "starts_for"]


def starts_for(
    loaded: LoadedModel | None,
    model: Any,
    baseline: Any,
    reference: Any,
    arrays: Mapping[str, NDArray[Any]],
    layers: Layers,
    table: pd.DataFrame | None = None,
) -> tuple[list[dict[str, Any]], Sequence[float] | None]:
    """Baselines by input name, one or several, and what each counts in their average (None: all the same).

    Args:
        arrays: the encoded rows to explain, {input: (rows, ...)}; table: the same rows as they were given.

    Raises:
        BaselineError: for a baseline that does not fit, or one that is fitted on data and has none.
    """
    if isinstance(baseline, pd.DataFrame):
        baseline = _encoded_baseline(loaded, baseline, "baseline")
    if isinstance(baseline, Samples) and isinstance(baseline.values, pd.DataFrame):
        baseline = Samples(_encoded_baseline(loaded, baseline.values, "baseline"))
    layouts = package_layouts(loaded, arrays, layers)
    spec = strategy_spec(baseline)
    column = baseline.segment if isinstance(baseline, Baseline) else spec.segment if spec else None
    rows = reference_rows(loaded, reference, arrays, column)
    if spec is not None and layouts:
        # As the pipeline fits it, so that a notebook and a scheduled run give the same numbers.
        baseline = fit_on_rows(spec, layouts, rows, arrays)
    if isinstance(baseline, Baseline):
        if not layouts:
            raise BaselineError("baseline: a fitted Baseline needs a loaded model package; give arrays")
        segments = _segments(table, column)
        with Lookup(model).opened(layers) as lookup:
            placed = PlacedBaseline.of(baseline, layouts, lookup)
            return placed.starts(arrays, segments), placed.shares
    if column is not None:
        raise BaselineError("baseline: segment goes with tables of a loaded model package")
    data = rows.arrays if rows is not None and isinstance(reference, pd.DataFrame | Mapping) else reference
    with Lookup(model).opened(layers) as lookup:
        return array_baselines(baseline, data, arrays, layers, lookup, layouts)


def package_layouts(
    loaded: LoadedModel | None, arrays: Mapping[str, NDArray[Any]], layers: Layers
) -> dict[str, InputLayout]:
    """What the package says of these inputs; nothing where the arrays are not its inputs, or ids lack a layer."""
    if loaded is None:
        return {}
    layouts = layouts_of(loaded.package.config.inputs)
    shaped = set(layouts) == set(arrays) and all(
        arrays[name].shape[1:] == layout.shape for name, layout in layouts.items()
    )
    with_layers = {name: replace(layout, layer=layers.get(name)) for name, layout in layouts.items()}
    placed = all(layout.layer is not None for layout in with_layers.values() if layout.role in ("ids", "sequence"))
    return with_layers if shaped and placed else {}


def reference_rows(
    loaded: LoadedModel | None, reference: Any, arrays: Mapping[str, NDArray[Any]], segment: str | None
) -> Rows | None:
    """The data that a strategy is fitted on; of a table the rows that can be used.

    Raises:
        BaselineError: if the table lacks the segment's column.
    """
    if reference is None:
        return None
    if not isinstance(reference, pd.DataFrame):
        by_name = reference if isinstance(reference, Mapping) else dict.fromkeys(arrays, reference)
        return Rows({str(name): np.asarray(array) for name, array in by_name.items()})
    if loaded is None:
        raise InputError("reference: a DataFrame needs a loaded model package, which knows the columns; give arrays")
    encoded = loaded.package.encode(reference)
    segments = _segments(reference[encoded.keep], segment, "reference")
    return Rows(encoded.inputs, np.flatnonzero(encoded.keep).astype(np.int64), segments)


def _segments(
    table: pd.DataFrame | None, column: str | None, argument: str = "inputs"
) -> dict[str, NDArray[np.object_]]:
    if column is None or table is None:
        return {}
    if column not in table.columns:
        hint = suggest(column, table.columns, noun="columns")
        raise BaselineError(f"baseline: it differs by segment '{column}', which is not a column of {argument}{hint}")
    return segments_of(table, [column])


def _encoded_baseline(loaded: LoadedModel | None, table: pd.DataFrame, argument: str) -> dict[str, NDArray[Any]]:
    """A baseline's table, every row of which has to count."""
    if loaded is None:
        raise InputError(f"{argument}: a DataFrame needs a loaded model package, which knows the columns; give arrays")
    encoded = loaded.package.encode(table)
    if not encoded.keep.all():
        reason = next(reason for reason in encoded.reasons if reason is not None)
        raise BaselineError(f"{argument}: a row of its table cannot be used: {reason}")
    return encoded.inputs
