"""A model ready to be explained by a spec's settings: its output chosen, its baseline in its own coordinates.

Workers and notebooks come through here, so that one row explained alone is the row of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution import Explanation, attribute, embed
from ig_tasks.baselines.baseline import Baseline
from ig_tasks.models import LoadedModel
from ig_tasks.spec import AttributionSpec


@dataclass(frozen=True)
class PreparedModel:
    """A loaded model with one target, and one baseline for all rows.

    baseline: {input: one row's point}, of an embedded input in its layer's output.
    """

    loaded: LoadedModel
    model: Any
    target: Any
    target_name: str
    space: str
    baseline: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, loaded: LoadedModel, target: str | int | None, space: str | None, baseline: Baseline) -> Self:
        """Choose the output and place the baseline.

        Raises:
            TargetError, ModelError: if the model has no such target, or not in this space.
            BaselineError: if the baseline was fitted for other inputs.
        """
        model, column, name, chosen = loaded.for_target(target, space)
        points = baseline.arrays(loaded.package.config.inputs, lambda layer, ids: embed(model, layer, ids))
        return cls(loaded, model, column, name, chosen, points)

    def attribute(
        self,
        arrays: Mapping[str, NDArray[Any]],
        settings: AttributionSpec,
        *,
        memory_limit: int,
        fixed: Mapping[str, NDArray[Any]] | None = None,
    ) -> Explanation:
        """Attributions of encoded rows, {input: (rows, ...)}; `fixed` are the masks that go with them.

        Raises:
            UserError: what the engine says of the model or the inputs.
        """
        return attribute(
            self.model,
            dict(arrays),
            dict(self.baseline),
            fixed=dict(fixed or {}),
            target=self.target,
            method=settings.method,
            integrator=settings.integrator,
            steps=settings.steps,
            tolerance=settings.tolerance,
            absolute_tolerance=settings.absolute_tolerance,
            max_evaluations=settings.max_evaluations,
            precision=settings.precision,
            layers=dict(self.loaded.layers),
            device=self.loaded.device,
            memory_limit=memory_limit,
            seed=settings.seed,
        )
