"""A model ready to be explained by a spec's settings: its output chosen, its baseline in its own coordinates.

Workers and notebooks come through here, so that one row explained alone is the row of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult, EngineOptions, Lookup, NamedInputs, attribute_by_method
from ig_tasks.attribution.averaging import join
from ig_tasks.attribution.replaced_outputs import outputs_at
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.baselines.replacing import features_at_baseline, rows_at_once
from ig_tasks.data.encoding import Encoded
from ig_tasks.explanations.asked import Asked
from ig_tasks.models import LoadedModel
from ig_tasks.models.loss import is_loss, without_outcome
from ig_tasks.spec import AttributionSpec

_BLOCK_BYTES = 1 << 28
"""Bytes of baselines held at once where each row has one of its own: vectors of long texts are large."""


@dataclass(frozen=True)
class PreparedModel:
    """A loaded model with one target, and its baseline in the model's own coordinates."""

    loaded: LoadedModel
    model: Any
    target: Any
    target_name: str
    space: str
    baseline: PlacedBaseline

    @classmethod
    def of(cls, loaded: LoadedModel, target: str | int | None, space: str | None, baseline: Baseline) -> Self:
        """Choose the output and place the baseline.

        Raises:
            TargetError, ModelError: if the model has no such target, or not in this space.
            BaselineError: if the baseline was fitted for other inputs.
        """
        explained = loaded.for_target(target, space)
        with Lookup(explained.model).opened(loaded.layers) as lookup:
            placed = PlacedBaseline.of(baseline, loaded.package.config.inputs, lookup)
        return cls(loaded, explained.model, explained.output, explained.target, explained.space, placed)

    @property
    def segment(self) -> str | None:
        """The column by whose levels the baseline differs."""
        return self.baseline.baseline.segment

    @property
    def shares_baseline(self) -> bool:
        """Whether the output at the baseline is the same for all rows; a loss there depends on the row's outcome."""
        return self.baseline.shared and not is_loss(self.space)

    def _passed_on(self, fixed: Mapping[str, NDArray[Any]] | None) -> dict[str, NDArray[Any]]:
        """What the model takes and nobody explains: masks, and the row's outcome where its loss is explained."""
        return dict(fixed or {}) if is_loss(self.space) else without_outcome(fixed or {})

    def unseen(self, segments: Mapping[str, NDArray[np.object_]]) -> int:
        """How many rows are of a level that the baseline was not fitted for."""
        return self.baseline.unseen(segments[self.segment]) if self.segment is not None else 0

    def attribute(
        self,
        arrays: Mapping[str, NDArray[Any]],
        settings: AttributionSpec,
        *,
        memory_limit: int,
        fixed: Mapping[str, NDArray[Any]] | None = None,
        segments: Mapping[str, NDArray[np.object_]] | None = None,
        refuse: bool = True,
    ) -> AttributionResult:
        """Attributions of encoded rows, {input: (rows, ...)}; of several baselines the average.

        Args:
            fixed: the masks that go with them.
            segments: {column: (rows,) levels}, for a baseline by segment.
            refuse: raise LayerError for rows at the ends of whose paths the model gives other outputs than its own;
                else the explanation's `refused` names them.

        Raises:
            UserError: what the engine says of the model or the inputs.
        """
        rows = len(next(iter(arrays.values())))
        block = max(1, _BLOCK_BYTES // max(self.baseline.row_bytes(), 1))
        if rows <= block:
            return self._attribute(arrays, settings, memory_limit, fixed or {}, segments or {}, refuse=refuse)
        return join(
            [
                self._attribute(mine, settings, memory_limit, beside, levels, refuse=refuse)
                for mine, beside, levels in _blocks(rows, block, arrays, fixed or {}, segments or {})
            ]
        )

    def asked(
        self,
        encoded: Encoded,
        settings: AttributionSpec,
        memory_limit: int,
        segments: Mapping[str, NDArray[np.object_]],
        table: pd.DataFrame,
    ) -> Asked:
        """What an explanation of encoded rows asks, to ask more about them; `table` has them as they were read."""
        return Asked(
            loaded=self.loaded,
            model=self.model,
            inputs=NamedInputs.of(self.model, dict(encoded.inputs)),
            baseline=self.baseline.baseline,
            reference=None,
            starts=self.baseline.starts(encoded.inputs, segments),
            shares=self.baseline.shares,
            options=_engine_options(settings, memory_limit, self.loaded.device),
            fixed=self._passed_on(encoded.fixed),
            target=self.target,
            layers=dict(self.loaded.layers),
            table=table,
        )

    def ablated(
        self,
        arrays: Mapping[str, NDArray[Any]],
        settings: AttributionSpec,
        *,
        memory_limit: int,
        fixed: Mapping[str, NDArray[Any]] | None = None,
        segments: Mapping[str, NDArray[np.object_]] | None = None,
        together: Sequence[Sequence[str]] | None = None,
    ) -> Iterator[list[NDArray[np.float64]]]:
        """The output (rows,) with one feature at the baseline, for each feature and each of its baselines.

        Args: as for `attribute`, and
            together: names of features that are held at the baseline at once, in place of each feature by itself.

        Raises:
            UserError: what the engine says of the model or the inputs.
        """
        starts = self.baseline.starts(arrays, segments)
        rows, block = len(next(iter(arrays.values()))), rows_at_once(starts, self.baseline.layouts)
        if rows > block:
            yield from self._ablated_in_blocks(
                arrays, settings, memory_limit, fixed or {}, segments or {}, block, together
            )
            return
        places, at = Counter[str](), {}
        for feature in self.loaded.package.features:
            at[feature.name] = (feature, places[feature.input])
            places[feature.input] += 1
        chosen = [[at[name] for name in names] for names in together or [[name] for name in at]]

        def replaced() -> Iterator[dict[str, Any]]:
            for some in chosen:
                for start in starts:
                    yield features_at_baseline(arrays, start, some, self.baseline.layouts)

        outputs = outputs_at(
            self.model,
            dict(arrays),
            replaced(),
            options=_engine_options(settings, memory_limit, self.loaded.device),
            fixed=dict(fixed or {}),
            target=self.target,
            layers=dict(self.loaded.layers),
        )
        for _ in chosen:
            yield list(islice(outputs, len(starts)))

    def _ablated_in_blocks(
        self,
        arrays: Mapping[str, NDArray[Any]],
        settings: AttributionSpec,
        memory_limit: int,
        fixed: Mapping[str, NDArray[Any]],
        segments: Mapping[str, NDArray[np.object_]],
        block: int,
        together: Sequence[Sequence[str]] | None,
    ) -> Iterator[list[NDArray[np.float64]]]:
        parts = []
        for mine, beside, levels in _blocks(len(next(iter(arrays.values()))), block, arrays, fixed, segments):
            outputs_of_sets = self.ablated(
                mine, settings, memory_limit=memory_limit, fixed=beside, segments=levels, together=together
            )
            parts.append(list(outputs_of_sets))
        for of_feature in zip(*parts, strict=True):
            yield [np.concatenate(outputs) for outputs in zip(*of_feature, strict=True)]

    def _attribute(
        self,
        arrays: Mapping[str, NDArray[Any]],
        settings: AttributionSpec,
        memory_limit: int,
        fixed: Mapping[str, NDArray[Any]],
        segments: Mapping[str, NDArray[np.object_]],
        *,
        refuse: bool,
    ) -> AttributionResult:
        result = attribute_by_method(
            self.model,
            dict(arrays),
            self.baseline.starts(arrays, segments),
            _engine_options(settings, memory_limit, self.loaded.device),
            shares=self.baseline.shares,
            fixed=self._passed_on(fixed),
            target=self.target,
            layers=dict(self.loaded.layers),
            refuse=refuse,
        )
        output_details = self.loaded.output_details(self.target_name, self.space)
        return replace(result, details={**result.details, **output_details}) if output_details else result


def _blocks(rows: int, block: int, *groups: Mapping[str, NDArray[Any]]) -> Iterator[list[dict[str, NDArray[Any]]]]:
    """Groups of arrays (rows, ...), of at most `block` rows at a time."""
    for start in range(0, rows, block):
        part = slice(start, start + block)
        yield [{name: array[part] for name, array in group.items()} for group in groups]


def _engine_options(settings: AttributionSpec, memory_limit: int, device: str | None) -> EngineOptions:
    """A spec's settings as the engine takes them, within the memory of the worker."""
    settled = {**settings.engine_settings, "memory_limit": memory_limit, "device": device}
    return EngineOptions(method=settings.chosen, **settled)
