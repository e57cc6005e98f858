"""The rows whose explanation is judged, and how the model and the engine are asked about them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.by_method import attribute_by_method
from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.lookup import Lookup
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.options import EngineOptions
from ig_tasks.attribution.quality.mixing import Coordinates
from ig_tasks.attribution.replaced_outputs import outputs_at
from ig_tasks.attribution.result import NOT_FINITE

__all__ = ["Starts", "Subject"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Starts = tuple[Sequence[Mapping[str, Any]], Sequence[float] | None]
"""Baselines by input name, one or several, and what each counts in their average (None: all the same)."""


@dataclass(frozen=True)
class Subject:
    """Rows of one model, one output and one baseline, whose explanation is judged.

    Attributes:
        starts, shares: the baselines, and what each counts.
        members: {input: (row's shape) the number of the feature that each element belongs to}.
        attributions: (rows, features) what is judged.
        output, baseline_output: (rows,).
        place: the same baselines for a copy of the model with other weights.
    """

    model: Any
    inputs: NamedInputs
    starts: Sequence[Mapping[str, Any]]
    shares: Sequence[float] | None
    options: EngineOptions
    fixed: Mapping[str, Any]
    target: Any
    layers: Layers
    members: Mapping[str, npt.NDArray[np.intp]]
    attributions: Floats
    output: Floats
    baseline_output: Floats
    place: Callable[[Any], Starts]

    @property
    def rows(self) -> int:
        """How many rows are judged."""
        return len(self.output)

    @property
    def features(self) -> int:
        """How many features an explanation tells apart."""
        return int(self.attributions.shape[1])

    def explain(
        self,
        *,
        model: Any = None,
        arrays: Mapping[str, npt.NDArray[Any]] | None = None,
        starts: Starts | None = None,
        **options: Any,
    ) -> dict[str, Floats]:
        """Attributions by input (rows, ...) with another model, inputs, baselines or options; NaN of rows without.

        Raises:
            UserError: what the engine says.
        """
        begin, shares = (self.starts, self.shares) if starts is None else starts
        result = attribute_by_method(
            self.model if model is None else model,
            self.inputs if arrays is None else self.inputs.with_arrays(dict(arrays)),
            begin,
            replace(self.options, **options),
            shares=shares,
            fixed=self.fixed,
            target=self.target,
            layers=self.layers,
            refuse=False,
        )
        lost = result.status == NOT_FINITE
        parts = self.inputs.by_name(result.attributions)
        if lost.any():
            parts = {
                name: np.where(lost.reshape(-1, *[1] * (part.ndim - 1)), np.nan, part) for name, part in parts.items()
            }
        return parts

    def by_feature(self, parts: Mapping[str, Floats]) -> Floats:
        """Attributions by input as (rows, features)."""
        summed = np.zeros((len(next(iter(parts.values()))), self.features))
        for name, part in parts.items():
            places = self.members[name].ravel()
            flat = part.reshape(len(part), -1)
            known = places >= 0
            for row, values in enumerate(flat):
                summed[row] += np.bincount(places[known], weights=values[known], minlength=self.features)
        return summed

    def without(self, replaced: Iterable[Bools]) -> Iterator[Floats]:
        """The output (rows,) with features at the baseline, for each choice (rows, features) of them.

        With several baselines it is the average over them.
        """
        with Lookup(self.model).opened(self.layers) as lookup:
            ends = [Coordinates(self.inputs.arrays, start, self.layers, lookup) for start in self.starts]

        def mixed() -> Iterator[dict[str, Any]]:
            for choice in replaced:
                wide = np.concatenate([choice, np.zeros((len(choice), 1), bool)], axis=1)  # -1: of no feature
                of_elements = {name: wide[:, places] for name, places in self.members.items()}
                for end in ends:
                    yield end.mixed(of_elements)

        outputs: list[Floats] = []
        for output in self._outputs(mixed()):
            outputs.append(output)
            if len(outputs) == len(ends):
                yield np.asarray(np.average(outputs, axis=0, weights=self.shares), np.float64)
                outputs = []

    def outputs_of(self, moved: Iterable[Mapping[str, npt.NDArray[Any]]]) -> Iterator[Floats]:
        """The output (rows,) at other inputs, for each of them."""
        return self._outputs(dict(arrays) for arrays in moved)

    def _outputs(self, points: Iterable[Mapping[str, Any]]) -> Iterator[Floats]:
        return outputs_at(
            self.model,
            self.inputs,
            points,
            options=self.options,
            fixed=self.fixed,
            target=self.target,
            layers=self.layers,
        )
