"""What one call of `explain` was asked, kept with its answer so that more can be asked about the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import EngineOptions, NamedInputs
from ig_tasks.attribution.feeds import Layers
from ig_tasks.baselines.arguments import values_by_name
from ig_tasks.baselines.explaining import starts_for
from ig_tasks.models.loaded import LoadedModel

__all__ = ["Asked"]


@dataclass(frozen=True, eq=False, repr=False)
class Asked:
    """The arguments of one explanation as the engine took them.

    Attributes:
        loaded: the package, if the model came in one.
        model: what is explained, with the target's head behind it.
        inputs: the rows that could be encoded.
        baseline, reference: as they were given, by input name.
        starts, shares: the baselines made of them, and what each counts.
        table: the rows as they were given, of a package.
        kept: (rows of the explanation,) which of them are in `inputs`; None: all.
    """

    loaded: LoadedModel | None
    model: Any
    inputs: NamedInputs
    baseline: Any
    reference: Any
    starts: Sequence[Mapping[str, Any]]
    shares: Sequence[float] | None
    options: EngineOptions
    fixed: Mapping[str, Any]
    target: Any
    layers: Layers
    table: pd.DataFrame | None = None
    kept: NDArray[np.bool_] | None = None

    def starts_of(
        self, model: Any = None, baseline: Any = None
    ) -> tuple[Sequence[Mapping[str, Any]], Sequence[float] | None]:
        """The baselines of all rows for a model with other weights, or another baseline for this one.

        Another baseline is fitted on the reference, or without a reference on the rows themselves.

        Raises:
            BaselineError: for a baseline that does not fit.
        """
        rows = self.inputs.as_given(self.inputs.arrays) if self.table is None else self.table
        return starts_for(
            self.loaded,
            self.model if model is None else model,
            self.baseline if baseline is None else values_by_name(self.inputs, "baseline", baseline),
            rows if self.reference is None and baseline is not None else self.reference,
            self.inputs.arrays,
            self.layers,
            self.table,
        )
