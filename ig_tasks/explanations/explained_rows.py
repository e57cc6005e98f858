"""Explained rows with the names of their features and labels: what tables and pictures are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult
from ig_tasks.data.features import Feature, feature_matrix
from ig_tasks.errors import InputError, suggest
from ig_tasks.explanations.asked import Asked
from ig_tasks.presentation.units import attribution_units

__all__ = ["ExplainedRows"]

_FIGURES = (
    "output",
    "baseline_output",
    "convergence_delta",
    "relative_delta",
    "error_estimate",
    "evaluations",
    "status",
)


@dataclass(frozen=True, repr=False)
class ExplainedRows(AttributionResult):
    """The engine's numbers, with the names of features and rows, values and words."""

    features: tuple[str, ...] = ()
    """One name for each attribution of a row, in the inputs' order."""
    values: NDArray[Any] | None = None
    """The features' values as they were given (rows, features)."""
    index: Any = None
    """The rows' labels, where the inputs were a table."""
    groups: tuple[Feature, ...] = ()
    """What of the inputs' arrays each feature sums; empty: every number is a feature of its own."""
    tokens: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """{input of texts or bags: (rows, length) words}, None at padding."""
    asked: Asked | None = field(default=None, compare=False)
    """What was asked, to ask more about the same rows; None of one that came from elsewhere."""

    @classmethod
    def of(
        cls, result: AttributionResult, features: tuple[str, ...], values: NDArray[Any] | None, index: Any = None
    ) -> Self:
        """The engine's result with names and values for its features."""
        return cls(**_numbers(result), features=features, values=values, index=index)

    @classmethod
    def of_features(
        cls,
        result: AttributionResult,
        features: Sequence[Feature],
        values: NDArray[Any],
        index: Any = None,
        *,
        tokens: Mapping[str, NDArray[Any]] | None = None,
    ) -> Self:
        """The explanation of a package's inputs by its features."""
        names = tuple(feature.name for feature in features)
        return cls(
            **_numbers(result), features=names, values=values, index=index, groups=tuple(features), tokens=tokens or {}
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Attributions (rows, features), or (rows, outputs, features) of `target="all"`."""
        alone = self.groups[0].input if self.groups else ""
        parts = self.attributions if isinstance(self.attributions, dict) else {alone: self.attributions}
        axes = self.output.ndim
        if self.groups:
            return feature_matrix(parts, self.groups, leading=axes)
        flat = [part.reshape(*part.shape[:axes], math.prod(part.shape[axes:])) for part in parts.values()]
        return np.concatenate(flat, axis=-1)

    def words(self, row: Any, name: str | None = None) -> list[tuple[str, float]]:
        """(word, attribution) of every token of a row, in the text's order; `name` is the input, the only one if None.

        `row` is a place or a label, as for `waterfall`.

        Raises:
            InputError: where there are no tokens.
        """
        self._one_output_matrix("words")
        if name is None and len(self.tokens) == 1:
            name = next(iter(self.tokens))
        if name is None or name not in self.tokens:
            hint = suggest(name or "", self.tokens, noun="inputs of tokens")
            raise InputError(f"words: name an input of tokens of a loaded model's table{hint}")
        row = self._position(row)
        parts = self.attributions[name][row] if isinstance(self.attributions, dict) else self.attributions[row]
        pairs = zip(self.tokens[name][row], parts, strict=True)
        return [(str(word), float(part)) for word, part in pairs if word is not None]

    def to_frame(self) -> pd.DataFrame:
        """One row for each row, or for each (row, target): the figures, `attribution:<feature>`, `input:<feature>`."""
        if self.output.ndim == 1:
            return self._frame(self.matrix, {name: getattr(self, name) for name in _FIGURES})
        frames = [
            self._frame(
                self.matrix[:, place], {"target": place} | {name: getattr(self, name)[:, place] for name in _FIGURES}
            )
            for place in range(self.output.shape[1])
        ]
        return pd.concat(frames)

    def _frame(self, matrix: NDArray[np.float64], figures: dict[str, Any]) -> pd.DataFrame:
        columns = dict(figures)
        columns |= {f"attribution:{name}": matrix[:, place] for place, name in enumerate(self.features)}
        if self.values is not None:
            columns |= {f"input:{name}": self.values[:, place] for place, name in enumerate(self.features)}
        return pd.DataFrame(columns, index=self.index).infer_objects()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the model: an explanation that is sent or kept is numbers."""
        return {**self.__dict__, "asked": None}

    def _position(self, row: Any) -> int:
        """The place of a row that is named by its place (a whole number) or its label.

        Raises:
            InputError: for a row that is not there.
        """
        if isinstance(row, int | np.integer) and not isinstance(row, bool):
            if not -len(self) <= row < len(self):
                more = "" if self.index is None else "; a label that is a number goes as a string, row='...'"
                raise InputError(f"row: {row} is not there; the explanation has {len(self)} rows{more}")
            return int(row)
        labels = [] if self.index is None else list(self.index)
        places = [place for place, label in enumerate(labels) if label == row]
        places = places or [place for place, label in enumerate(labels) if str(label) == row]
        if len(places) != 1:
            reason = "is not there" if not places else f"is the label of {len(places)} rows; give a row's place"
            hint = suggest(str(row), map(str, labels), noun="rows", limit=5) if not places else ""
            raise InputError(f"row: {row!r} {reason}{hint}")
        return places[0]

    def _row_name(self, place: int) -> str:
        return str(place if self.index is None else list(self.index)[place])

    def _units(self) -> str:
        details = self.details
        method = str(details.get("method", "integrated_gradients"))
        return attribution_units(str(details.get("space", "")), method, details.get("method_parameters"))

    def _one_output_matrix(self, method: str) -> NDArray[np.float64]:
        if self.output.ndim > 1:
            raise InputError(f"{method}: it shows one output; explain one target instead of 'all'")
        return self.matrix


def _numbers(result: AttributionResult) -> dict[str, Any]:
    return {field.name: getattr(result, field.name) for field in fields(AttributionResult)}
