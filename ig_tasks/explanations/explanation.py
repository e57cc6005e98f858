"""An explanation to look at: as a table, as charts, as SHAP's object."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.charts.waterfall import Mark, Step, waterfall
from ig_tasks.data.features import Feature, feature_matrix
from ig_tasks.errors import InputError, suggest
from ig_tasks.explanations.asked import Asked
from ig_tasks.explanations.judgeable import Judgeable
from ig_tasks.explanations.shap_fields import require_shap
from ig_tasks.presentation.statuses import row_words
from ig_tasks.presentation.units import units
from ig_tasks.presentation.visible import visible

__all__ = ["Explanation"]

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
class Explanation(AttributionResult, Judgeable):
    """What `explain` returns: the engine's numbers, with the features' names and values beside them."""

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

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the model: an explanation that is sent or kept is numbers."""
        return {**self.__dict__, "asked": None}

    @classmethod
    def of(
        cls, result: AttributionResult, features: tuple[str, ...], values: NDArray[Any], index: Any = None
    ) -> Explanation:
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
    ) -> Explanation:
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

    def waterfall(self, row: Any, *, top: int = 10) -> Any:
        """An Altair chart from the baseline's output to the row's: the `top` features, then the rest together.

        `row` is a place, or the label of a row: of a table's index, the id of a row of a finished run.

        Figures stand beside the bars, the outputs at both ends, and what they are counted in below where it is known.
        A row that did not converge has what its status means, and what to do about it, as the chart's title.

        Raises:
            InputError: for a row that is not there or has no attributions.
        """
        matrix = self._one_output_matrix("waterfall")
        row = self._position(row)
        if not np.isfinite(matrix[row]).all():
            raise InputError(f"row: {row} was not explained ({self.status[row]})")
        order = np.argsort(-np.abs(matrix[row]), kind="stable")
        named = [(self._labelled(row, place), float(matrix[row, place])) for place in order[:top]]
        if order.size > top:
            others = order.size - top
            named.append((f"{others} other feature{'s' * (others != 1)}", float(matrix[row, order[top:]].sum())))
        steps, level = [], float(self.baseline_output[row])
        for name, size in named:
            steps.append(Step(name, level, level + size, f"{size:+.3g}"))
            level += size
        start, end = (Mark(float(at[row]), f"{at[row]:.4g}") for at in (self.baseline_output, self.output))
        unsure = row_words(str(self.status[row]), in_spec=False)
        name = str(row if self.index is None else list(self.index)[row])
        return waterfall(steps, start, end, self._units(), row=name, title=unsure).spec

    def bar(self, *, top: int = 20) -> Any:
        """An Altair chart of the mean |attribution| of the `top` features over the rows that were explained."""
        matrix = self._one_output_matrix("bar")
        explained = matrix[np.isfinite(matrix).all(axis=1)]
        if not explained.size:
            raise InputError("bar: no row was explained")
        mean = np.abs(explained).mean(axis=0)
        order = np.argsort(-mean, kind="stable")[:top]
        bars = [Bar(visible(self.features[k]), float(mean[k]), float(explained[:, k].mean())) for k in order]
        return size_bars(bars, self._units()).spec

    def to_shap(self) -> Any:
        """A `shap.Explanation` of the rows that were explained, with the attributions as its values.

        SHAP's plots take NaN for zero or fail, so that rows that are "not_finite" are left out. A warning says how
        many, and `instance_names` are the labels (or places) of those that are there.

        Raises:
            InputError: if shap is not installed, or no row was explained.
        """
        shap = require_shap()
        matrix = self._one_output_matrix("to_shap")
        is_explained = np.isfinite(matrix).all(axis=1) & np.isfinite(self.baseline_output)
        if not is_explained.any():
            raise InputError("to_shap: no row was explained")
        if not is_explained.all():
            warnings.warn(
                f"to_shap: {int((~is_explained).sum())} of {len(self)} rows were not explained and are left out",
                stacklevel=2,
            )
        labels = range(len(self)) if self.index is None else self.index
        return shap.Explanation(
            values=matrix[is_explained],
            base_values=self.baseline_output[is_explained],
            data=None if self.values is None else self.values[is_explained],
            instance_names=[str(label) for label, there in zip(labels, is_explained, strict=True) if there],
            feature_names=list(self.features),
        )

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

    def _units(self) -> str:
        return units(str(self.details.get("space", "")))

    def _one_output_matrix(self, method: str) -> NDArray[np.float64]:
        if self.output.ndim > 1:
            raise InputError(f"{method}: it shows one output; explain one target instead of 'all'")
        return self.matrix

    def _labelled(self, row: int, place: int) -> str:
        if self.values is None:
            return visible(self.features[place])
        value = self.values[row, place]
        shown = f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
        return visible(f"{self.features[place]} = {shown}")


def _numbers(result: AttributionResult) -> dict[str, Any]:
    return {field.name: getattr(result, field.name) for field in fields(AttributionResult)}
