"""The baseline doctor: what speaks against a baseline, how much rankings hang on it, and which one to take.

A wrong baseline gives attributions that are complete, converged and beside the question, so nothing else finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult, EngineOptions, Lookup, NamedInputs, attribute_averaged
from ig_tasks.attribution.backends import as_model
from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.mixture import Mixture
from ig_tasks.baselines.arguments import named_inputs, values_by_name
from ig_tasks.baselines.explaining import package_slots, starts_for
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.judgement import BaselineFindings, Judgement, recommended
from ig_tasks.baselines.per_row import row_hashes
from ig_tasks.baselines.slots import Slot, slots_of_arrays
from ig_tasks.baselines.strategy import Strategy, asked_for
from ig_tasks.data.features import feature_matrix
from ig_tasks.errors import BaselineError, InputError
from ig_tasks.models.loaded import LoadedModel

__all__ = ["BaselineFindings", "Judgement", "judge_baselines"]

SMALL = 0.05
"""A difference in output below this share of the outputs' standard deviation is small."""


def judge_baselines(
    model: Any,
    inputs: Any,
    *,
    baselines: Mapping[str, Any] | Sequence[Any] | None = None,
    reference: Any = None,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    space: str | None = None,
    layers: Layers | None = None,
    tolerance: float = 0.05,
    max_evaluations: int = 257,
) -> Judgement:
    """Explain the same rows from several baselines, and say what was found.

    Args:
        model: as for `explain`.
        inputs: as for `explain`; some hundred rows are enough.
        baselines: candidates by name, or a list of strategies; left out: auto, mean, mode, zero, eight samples, and of
            images and series a blur.
        reference: data on which strategies are fitted, and whose range and outputs baselines are held against; left
            out: the rows themselves.
        target: as for `explain`. With "all" each output is judged by itself, and a feature's mean |attribution| is
            over rows and outputs.
        space: of a loaded model's target.
        tolerance, max_evaluations: of these explanations; rankings need no more.

    Raises:
        UserError: for a model or inputs that cannot be explained. A candidate that does not fit is set aside, with the
            reason.
    """
    case = _Case.of(model, inputs, reference, fixed, target, space, layers)
    found: list[BaselineFindings] = []
    aside: dict[str, str] = {}
    for name, candidate in _candidates(baselines, case).items():
        try:
            starts, shares = case.starts(candidate)
            found.append(case.findings(name, starts, shares, tolerance, max_evaluations))
        except BaselineError as error:
            aside[name] = str(error)
    if not found:
        raise BaselineError("baselines: none could be tried: " + "; ".join(aside.values()))
    common, times = case.most_common
    judged = Judgement(
        space=case.space,
        rows=case.rows,
        features=case.features,
        output_spread=float(case.spread.mean()),
        common_row=common,
        common_rows=times,
        findings=tuple(found),
        aside=aside,
    )
    return replace(judged, recommendation=recommended(judged))


@dataclass(frozen=True)
class _Case:
    """The rows, the model and what both look like where the path runs."""

    loaded: LoadedModel | None
    model: Any
    target: Any
    space: str
    inputs: NamedInputs
    fixed: dict[str, Any]
    layers: dict[str, Any]
    table: pd.DataFrame | None
    reference: Any
    slots: dict[str, Slot]
    known: dict[str, NDArray[Any]] = field(default_factory=dict)
    """The reference as arrays."""
    output: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(
        cls, model: Any, inputs: Any, reference: Any, fixed: Any, target: Any, space: str | None, layers: Any
    ) -> _Case:
        loaded = model if isinstance(model, LoadedModel) else None
        said = "value"
        if loaded is None:
            model = as_model(model, inputs)
        else:
            model, target, _, said = loaded.for_target(target, space)
        layers = (loaded.layers if loaded is not None and layers is None else layers) or {}
        table, beside = None, dict(fixed or {})
        given = inputs
        if isinstance(inputs, pd.DataFrame):
            if loaded is None:
                raise InputError("inputs: a DataFrame needs a loaded model package; give arrays")
            encoded = loaded.package.encode(inputs)
            given, table = encoded.inputs, inputs[encoded.keep]
            beside = {**encoded.fixed, **beside}
        named = named_inputs(loaded, model, given)
        layers = named.renamed(layers)
        arrays, reference = named.arrays, values_by_name(named, "reference", reference)
        if not named.rows:
            raise InputError("inputs: there are no rows that a baseline could be judged on")
        data = inputs if reference is None else reference
        known = arrays
        if isinstance(data, pd.DataFrame) and loaded is not None:
            known = loaded.package.encode(data).inputs
        elif reference is not None:
            known = {str(name): np.asarray(array) for name, array in named.by_name(data).items()}
        else:
            data = named.as_given(arrays)
        slots = package_slots(loaded, arrays, layers) or slots_of_arrays(arrays, layers)
        case = cls(loaded, model, target, space or said, named, beside, layers, table, data, slots, known)
        # One gradient evaluation a row from the rows themselves: their outputs, and nothing to explain.
        seen = case.explain([dict(arrays)], None, 1.0, 5)
        return replace(case, output=seen.output)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        return self.inputs.arrays

    @property
    def rows(self) -> int:
        return self.inputs.rows

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of each output over the rows: (), or (outputs,) of `target="all"`."""
        return np.asarray(self.output.std(axis=0))

    @property
    def features(self) -> tuple[str, ...]:
        if self.loaded is not None and all(slot.spec is not None for slot in self.slots.values()):
            return tuple(feature.name for feature in self.loaded.package.features)
        return tuple(self.inputs.element_names())

    @property
    def most_common(self) -> tuple[int, int]:
        """A row of those that are most often there to the last bit, and how often."""
        hashes = row_hashes(self.arrays, 0)
        _, first, counts = np.unique(hashes, return_index=True, return_counts=True)
        place = int(np.lexsort((first, -counts))[0])
        return int(first[place]), int(counts[place])

    def starts(self, candidate: Any) -> tuple[list[dict[str, Any]], Sequence[float] | None]:
        candidate = values_by_name(self.inputs, "baseline", candidate)
        return starts_for(self.loaded, self.model, candidate, self.reference, self.arrays, self.layers, self.table)

    def explain(
        self, starts: list[dict[str, Any]], shares: Sequence[float] | None, tolerance: float, max_evaluations: int
    ) -> AttributionResult:
        device = self.loaded.device if self.loaded is not None else None
        options = EngineOptions(tolerance=tolerance, max_evaluations=max_evaluations, device=device)
        return attribute_averaged(
            self.model,
            self.inputs,
            starts,
            options,
            shares=shares,
            fixed=self.fixed,
            target=self.target,
            layers=self.layers,
        )

    def matrix(self, attributions: Any) -> NDArray[np.float64]:
        """(rows, features), or (rows, outputs, features) of `target="all"`."""
        axes = self.output.ndim
        parts = self.inputs.by_name(attributions)
        if self.loaded is not None and all(slot.spec is not None for slot in self.slots.values()):
            return feature_matrix(parts, self.loaded.package.features, leading=axes)
        return np.concatenate([part.reshape(*part.shape[:axes], -1) for part in parts.values()], axis=-1)

    def findings(
        self,
        name: str,
        starts: list[dict[str, Any]],
        shares: Sequence[float] | None,
        tolerance: float,
        most: int,
    ) -> BaselineFindings:
        found = self.explain(starts, shares, tolerance, most)
        identical = np.all([self._same(start) for start in starts], axis=0)
        moved = np.abs(found.output - found.baseline_output)
        small = np.where(self.spread > 0, moved <= SMALL * self.spread, moved == 0)
        at, percentile = self._place(found.baseline_output)
        matrix = self.matrix(found.attributions)
        matrix = matrix.reshape(-1, matrix.shape[-1])  # each output of a row counts as a row
        usable = np.isfinite(matrix).all(axis=1)
        return BaselineFindings(
            name=name,
            baselines=len(starts),
            output=at,
            percentile=percentile,
            small_share=float(np.mean(small)),
            outside=self._outside(starts),
            identical_rows=int(identical.sum()),
            common_row=bool(identical[self.most_common[0]]),
            abs_mean=tuple(np.abs(matrix[usable]).mean(axis=0).tolist()) if usable.any() else (0.0,) * matrix.shape[1],
            converged=float(np.mean(found.status == "converged")),
            evaluations=float(np.mean(found.evaluations)),
        )

    def _place(self, baseline_output: NDArray[np.float64]) -> tuple[float, float]:
        """The mean output at the baseline, and its percentile among the rows' outputs.

        Each of several outputs is held against its own rows. The one told is in the middle by how far its percentile is
        from 50: a mean would hide that two probabilities, which mirror each other, are both at an end.
        """
        outputs = self.output.reshape(self.rows, -1)
        at = np.atleast_1d(np.nanmean(baseline_output, axis=0))
        percentiles = 100 * ((outputs < at).mean(axis=0) + 0.5 * (outputs == at).mean(axis=0))
        told = np.argsort(np.abs(percentiles - 50), kind="stable")[len(at) // 2]
        return float(at[told]), float(percentiles[told])

    def _same(self, start: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Rows whose path has no length: they get nothing but zeros."""
        same = np.ones(self.rows, bool)
        with Lookup(self.model).opened(self.layers) as lookup:
            for name, array in self.arrays.items():
                end, begin = _ends(lookup, self.layers.get(name), array, start[name])
                gap = np.abs(end - np.asarray(begin, np.float64)).reshape(self.rows, -1)
                scale = np.abs(end).reshape(self.rows, -1).max(axis=1, initial=0.0)
                # A path a millionth of a row long does not exist in float32.
                same &= gap.max(axis=1, initial=0.0) <= 1e-6 * np.maximum(scale, 1e-12)
        return same

    def _outside(self, starts: list[dict[str, Any]]) -> dict[str, str]:
        """{feature: what lies where no row of the data is}, of inputs of numbers."""
        said: dict[str, str] = {}
        for name, slot in self.slots.items():
            if slot.role not in ("columns", "array"):
                continue
            data = np.asarray(self.known[name], np.float64)
            low, high = data.min(axis=0), data.max(axis=0)
            slack = 1e-6 * np.maximum(np.abs(low), np.abs(high))
            values = [_rows_of(start[name], low.shape) for start in starts]
            together = np.concatenate(values)
            wrong = (together < low - slack) | (together > high + slack)
            if not wrong.any():
                continue
            if slot.role == "array" and len(slot.features) == 1 and low.size > 1:
                said[slot.features[0]] = f"{wrong.mean():.0%} of its numbers"
                continue
            for place in np.flatnonzero(wrong.any(axis=0).ravel()).tolist():
                column = together.reshape(len(together), -1)[:, place]
                value = column[wrong.reshape(len(together), -1)[:, place]][0]
                ends = f"{low.ravel()[place]:.4g} to {high.ravel()[place]:.4g}"
                said[slot.features[min(place, len(slot.features) - 1)]] = f"{value:.4g}, where the data has {ends}"
        return said


def _rows_of(start: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A baseline's points (points, *shape): one that all rows share, or one per row."""
    array = np.asarray(start, np.float64)
    return array if array.ndim > len(shape) else np.broadcast_to(array, (1, *shape))


def _candidates(given: Mapping[str, Any] | Sequence[Any] | None, case: _Case) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    if given is not None:
        return {_name(one): one for one in given}
    tried: dict[str, Any] = {name: name for name in ("auto", "mean", "mode", "zero")}
    tried["samples"] = Strategy("samples", k=min(8, case.rows))
    if any(slot.spatial and slot.spec is not None for slot in case.slots.values()):
        tried["blur"] = "blur"
    return tried


def _name(candidate: Any) -> str:
    if isinstance(candidate, Baseline):
        return candidate.strategy
    asked = asked_for(candidate)
    if asked is None:
        raise BaselineError("baselines: give arrays a name, {name: baseline}")
    options = ", ".join(f"{name}={value}" for name, value in asked.options.items() if name != "seed")
    return f"{asked.strategy} ({options})" if options else asked.strategy


def _ends(lookup: Lookup, layer: Any, array: NDArray[Any], start: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """The rows of an input and their baseline in like coordinates; ids as they are where several layers embed them."""
    if layer is None:
        return np.asarray(array, np.float64), np.asarray(start)
    ids = array.astype(np.int64)
    if not isinstance(layer, str):
        single = start.single() if isinstance(start, Mixture) else None
        if single is not None and isinstance(start, Mixture):
            return ids, single if start.group is None else single[start.group]
        whole = isinstance(start, np.ndarray) and start.dtype.kind in "iu"
        return ids, start if whole else np.full(ids.shape, np.nan)  # a mean of several is no row's
    if isinstance(start, Mixture):  # looked up here: by itself it would open the model for each of a thousand tables
        start = replace(start, vectors=lambda numbers: lookup(layer, numbers))
    begin = np.asarray(start)
    if begin.dtype.kind in "iu":
        begin = lookup(layer, begin.astype(np.int64))
    return lookup(layer, ids), begin
