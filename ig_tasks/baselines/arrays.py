"""Baselines for `explain`: of a strategy, of samples, of arrays, of a dict by input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.counts import BaselineCounts
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import fit_baseline
from ig_tasks.baselines.input_layouts import InputLayout, layouts_of_arrays
from ig_tasks.baselines.placing import Embed, PlacedBaseline
from ig_tasks.baselines.strategy import STRATEGIES, strategy_spec
from ig_tasks.errors import BaselineError, suggest
from ig_tasks.spec import BaselineSpec

__all__ = ["STRATEGIES", "Rows", "Samples", "array_baselines", "fit_on_rows", "needs_data"]

_SIMPLE = ("auto", "mean", "median", "mode", "zero")
Segments = Mapping[str, NDArray[np.object_]]


@dataclass(frozen=True, eq=False)
class Samples:
    """k baselines whose attributions are averaged: an array (k, ...), or {input name: (k, ...)}.

    Averaging over baselines drawn from the data gives expected gradients (Erion et al. 2021) without their
    sampling of the path.
    """

    values: Any

    def __repr__(self) -> str:
        named = self.values.items() if isinstance(self.values, Mapping) else [("", self.values)]
        shapes = [f"{name} {tuple(np.shape(value))}".strip() for name, value in named]
        return f"Samples({', '.join(shapes)})"

    def split(self, names: list[str]) -> list[dict[str, NDArray[Any]]]:
        """The k baselines, {input name: one row's array} each. Raises BaselineError."""
        by_name = self.values if isinstance(self.values, Mapping) else dict.fromkeys(names, self.values)
        if not isinstance(self.values, Mapping) and len(names) > 1:
            raise BaselineError("baseline: the model has several inputs; give Samples a dict by input name")
        if set(by_name) != set(names):
            wrong = min(set(by_name) ^ set(names))
            raise BaselineError(
                f"baseline: Samples and inputs differ in '{wrong}'{suggest(wrong, names, noun='inputs')}"
            )
        arrays = {name: np.asarray(by_name[name]) for name in names}
        counts = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
        if len(counts) != 1 or 0 in counts:
            raise BaselineError(
                "baseline: Samples takes arrays (k, ...) with the same k of one or more for every input"
            )
        return [{name: array[place] for name, array in arrays.items()} for place in range(counts.pop())]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in memory: {input: (rows, ...)}, their places in the table they came from, and levels by column."""

    arrays: Mapping[str, NDArray[Any]]
    positions: NDArray[np.int64] | None = None
    segments: Segments = field(default_factory=dict)


def needs_data(spec: BaselineSpec, layouts: Mapping[str, InputLayout]) -> bool:
    """Whether a strategy is nothing without data that it is fitted on."""
    roles = {layout.role for layout in layouts.values()}
    if spec.strategy == "constant" and not isinstance(spec.value, Mapping):
        return not roles <= {"columns", "array"}
    if spec.strategy == "blur":
        return not all(layout.spatial for layout in layouts.values())
    return spec.strategy != "zero"


def fit_on_rows(
    spec: BaselineSpec,
    layouts: Mapping[str, InputLayout],
    reference: Rows | None,
    arrays: Mapping[str, NDArray[Any]],
) -> Baseline:
    """The baseline of a strategy, fitted on rows in memory; `arrays` are the rows to explain.

    Raises:
        BaselineError: if it needs data and has none, or the data lacks an input or the segment's column.
    """
    if spec.cutoff is not None:
        raise BaselineError(
            "baseline: here the model is not asked who lies at the cutoff; pass those rows as reference=, and leave "
            "cutoff out"
        )
    if reference is None:
        if needs_data(spec, layouts):
            raise BaselineError(
                f"baseline: '{spec.strategy}' is fitted on data; pass some as reference=, or use 'zero'"
            )
        # Nothing is read off these rows but their shape.
        reference = Rows({name: np.asarray(array)[:1] for name, array in arrays.items()})
    for name in layouts:
        if name not in reference.arrays:
            raise BaselineError(f"reference: it has no '{name}'{suggest(name, reference.arrays, noun='inputs')}")
        if np.ndim(reference.arrays[name]) == 0 or len(reference.arrays[name]) == 0:
            raise BaselineError(f"reference: '{name}' has no rows")
    levels = None
    if spec.segment is not None:
        if spec.segment not in reference.segments:
            raise BaselineError(f"baseline: it differs by segment {spec.segment!r}; pass tables that have the column")
        levels = reference.segments[spec.segment]
    columns = {name: np.asarray(reference.arrays[name]) for name in layouts}
    counts = BaselineCounts.of(layouts, columns, spec, positions=reference.positions, levels=levels, whole=True)
    return fit_baseline(spec, counts, layouts)


def array_baselines(
    baseline: Any,
    reference: Any,
    inputs: Mapping[str, NDArray[Any]],
    layers: Layers,
    embed: Embed,
    known: Mapping[str, InputLayout] | None = None,
) -> tuple[list[dict[str, Any]], Sequence[float] | None]:
    """Baselines by input name, one or several, and what each counts in their average (None: all the same).

    `baseline` is a strategy's name, a `Strategy`, an array, a dict of these by input name, or `Samples`; `reference` is
    data like the inputs, on which strategies other than "zero" are fitted:

    auto, median   the median of numbers; the mean embedding of ids, weighted by their frequency
    mean           the mean of numbers; the mean embedding of ids
    mode           the median of numbers; the most frequent id
    zero           zero; the zero vector of an embedding

    and what `fit_baseline` says of the others. `known` is what a package says of its inputs.

    Raises:
        BaselineError: for an unknown strategy, or for one that lacks its reference.
    """
    names = list(inputs)
    if isinstance(baseline, Samples):
        return baseline.split(names), None
    spec = strategy_spec(baseline)
    if spec is not None and spec.strategy not in _SIMPLE:
        return _of_strategy(spec, reference, inputs, known or layouts_of_arrays(inputs, layers), embed)
    if isinstance(baseline, Mapping):
        by_name = dict(baseline)
        for name in by_name:
            if name not in inputs:
                raise BaselineError(f"baseline: '{name}' is not an input{suggest(name, names, noun='inputs')}")
        for name in names:
            if name not in by_name:
                raise BaselineError(f"baseline: no baseline for input '{name}'")
            if isinstance(by_name[name], Samples):
                raise BaselineError("baseline: give Samples a dict by input name, not a dict of Samples")
    elif spec is not None or len(names) == 1:
        by_name = dict.fromkeys(names, baseline)
    else:
        raise BaselineError("baseline: the model has several inputs; give a strategy's name or a dict by input name")
    layouts = known or layouts_of_arrays(inputs, layers)
    return [
        {name: _input_baseline(by_name[name], layouts[name], reference, inputs[name], embed) for name in names}
    ], None


def _of_strategy(
    spec: BaselineSpec,
    reference: Any,
    inputs: Mapping[str, NDArray[Any]],
    layouts: Mapping[str, InputLayout],
    embed: Embed,
) -> tuple[list[dict[str, Any]], Sequence[float] | None]:
    rows = None
    if reference is not None:
        data = reference if isinstance(reference, Mapping) else dict.fromkeys(inputs, reference)
        rows = Rows({name: np.asarray(array) for name, array in data.items()})
    placed = PlacedBaseline.of(fit_on_rows(spec, layouts, rows, inputs), layouts, embed)
    return placed.starts(inputs), placed.shares


def _input_baseline(value: Any, layout: InputLayout, reference: Any, rows: NDArray[Any], embed: Embed) -> Any:
    """The baseline of one input."""
    spec, name = strategy_spec(value), layout.name
    if spec is None:
        return value
    simple = spec.strategy in _SIMPLE and layout.role != "sequence"
    if simple and spec.strategy == "zero":
        return np.float64(0.0)
    own_reference = reference.get(name) if isinstance(reference, Mapping) else reference
    if own_reference is None and isinstance(reference, Mapping):
        raise BaselineError(f"reference: it has no '{name}'{suggest(name, reference, noun='inputs')}")
    if not simple:
        starts, _ = _of_strategy(
            spec, None if own_reference is None else {name: own_reference}, {name: rows}, {name: layout}, embed
        )
        if len(starts) > 1:
            raise BaselineError(
                f"baseline: '{spec.strategy}' of input '{name}' is {len(starts)} baselines; give one strategy for all "
                "inputs, so that they are drawn together"
            )
        return starts[0][name]
    if own_reference is None:
        raise BaselineError(f"baseline: '{spec.strategy}' is fitted on data; pass some as reference=, or use 'zero'")
    data = np.asarray(own_reference)
    if data.ndim == 0 or data.shape[0] == 0:
        raise BaselineError(f"reference: '{name}' has no rows")
    if layout.layer is not None:
        return _of_ids(spec.strategy, data, layout.layers, embed)
    center = np.mean if spec.strategy == "mean" else np.median
    return np.asarray(center(data.astype(np.float64), axis=0))


def _of_ids(strategy: str, data: NDArray[Any], layers: tuple[str, ...], embed: Embed) -> NDArray[Any] | Mixture:
    """Baseline of ids (rows, ...): a mean over ids, or the most frequent ids (...)."""
    rows, places = data.shape[0], data.shape[1:]
    flat = data.reshape(rows, -1)
    counted = [np.unique(flat[:, place], return_counts=True) for place in range(flat.shape[1])]
    if strategy == "mode":
        return np.array([ids[np.argmax(counts)] for ids, counts in counted], dtype=np.int64).reshape(places)
    shares = [
        dict(zip(ids.astype(np.int64).tolist(), (counts / rows).tolist(), strict=True)) for ids, counts in counted
    ]
    return Mixture.of(shares, places, (lambda ids: embed(layers[0], ids)) if len(layers) == 1 else None)
