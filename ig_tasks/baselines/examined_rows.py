"""The rows on which the baseline doctor compares baselines, and the model's outputs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult, EngineOptions, NamedInputs, attribute_averaged
from ig_tasks.attribution.backends import as_model
from ig_tasks.baselines.arguments import named_inputs, values_by_name
from ig_tasks.baselines.explaining import package_layouts, starts_for
from ig_tasks.baselines.input_layouts import InputLayout, layouts_of_arrays
from ig_tasks.baselines.per_row import row_hashes
from ig_tasks.data.features import feature_matrix
from ig_tasks.errors import InputError
from ig_tasks.models.loaded import LoadedModel

__all__ = ["ExaminedRows"]


@dataclass(frozen=True)
class ExaminedRows:
    """The rows on which baselines are compared, with the model and its outputs there."""

    loaded: LoadedModel | None
    model: Any
    target: Any
    space: str
    inputs: NamedInputs
    fixed: dict[str, Any]
    layers: dict[str, Any]
    table: pd.DataFrame | None
    reference: Any
    layouts: dict[str, InputLayout]
    known: dict[str, NDArray[Any]] = field(default_factory=dict)
    """The reference as arrays."""
    output: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(
        cls, model: Any, inputs: Any, reference: Any, fixed: Any, target: Any, space: str | None, layers: Any
    ) -> ExaminedRows:
        """Encode the rows, choose the output and run the model on them; arguments as for `judge_baselines`."""
        loaded = model if isinstance(model, LoadedModel) else None
        chosen_space = space or "value"
        if loaded is None:
            model = as_model(model, inputs)
        else:
            explained = loaded.for_target(target, space)
            model, target, chosen_space = explained.model, explained.output, explained.space
        layers = (loaded.layers if loaded is not None and layers is None else layers) or {}
        table, others = None, dict(fixed or {})
        arrays_given = inputs
        if isinstance(inputs, pd.DataFrame):
            if loaded is None:
                raise InputError("inputs: a DataFrame needs a loaded model package; give arrays")
            encoded = loaded.package.encode(inputs)
            arrays_given, table = encoded.inputs, inputs[encoded.keep]
            others = {**encoded.fixed, **others}
        named = named_inputs(loaded, model, arrays_given)
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
        layouts = package_layouts(loaded, arrays, layers) or layouts_of_arrays(arrays, layers)
        case = cls(loaded, model, target, chosen_space, named, others, layers, table, data, layouts, known)
        # One gradient evaluation per row from the rows themselves: their outputs, and nothing to explain.
        at_rows = case.explain([dict(arrays)], None, 1.0, 5)
        return replace(case, output=at_rows.output)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """{input: array (rows, ...)}, as the model takes them."""
        return self.inputs.arrays

    @property
    def rows(self) -> int:
        """How many rows are examined."""
        return self.inputs.rows

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of each output over the rows: (), or (outputs,) of `target="all"`."""
        return np.asarray(self.output.std(axis=0))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, those of the package where the rows are its inputs."""
        if self.loaded is not None and all(layout.spec is not None for layout in self.layouts.values()):
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
        """Baselines by input name, one or several, and what each counts in their average."""
        candidate = values_by_name(self.inputs, "baseline", candidate)
        return starts_for(self.loaded, self.model, candidate, self.reference, self.arrays, self.layers, self.table)

    def explain(
        self, starts: list[dict[str, Any]], shares: Sequence[float] | None, tolerance: float, max_evaluations: int
    ) -> AttributionResult:
        """The rows explained from these baselines, averaged."""
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
        if self.loaded is not None and all(layout.spec is not None for layout in self.layouts.values()):
            return feature_matrix(parts, self.loaded.package.features, leading=axes)
        return np.concatenate([part.reshape(*part.shape[:axes], -1) for part in parts.values()], axis=-1)
