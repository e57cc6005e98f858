"""An explanation to look at: as a table, as pictures, as SHAP's object."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts import Chart
from ig_tasks.charts.error_lines import Spent
from ig_tasks.errors import InputError, suggest
from ig_tasks.explanations.explained_rows import ExplainedRows
from ig_tasks.explanations.judgeable import Judgeable
from ig_tasks.explanations.pictures.contents import image_of, text_of
from ig_tasks.explanations.pictures.methods import Pictures
from ig_tasks.explanations.pictures.paths import convergence_of, path_of
from ig_tasks.explanations.pictures.shown import Shown
from ig_tasks.explanations.shap_fields import require_shap
from ig_tasks.explanations.source import Source
from ig_tasks.presentation.statuses import row_words

__all__ = ["Explanation"]


@dataclass(frozen=True, repr=False)
class Explanation(ExplainedRows, Pictures, Judgeable):
    """What `explain` returns: the engine's numbers, with the features' names and values beside them.

    In a notebook it shows itself: what was explained, how well, and the most important features.
    """

    def text(self, row: Any, name: str | None = None, *, words: Sequence[str] | None = None) -> Chart:
        """A row's words in their order, shaded by their attributions.

        Args:
            row: a place or a label, as for `waterfall`.
            name: the input; None: the only one that holds words.
            words: what stands at each place of the input, for arrays of ids: the words of a tokenizer.

        Raises:
            InputError: where there are no words, or not as many as places.
        """
        place = self._position(row)
        if words is None:
            pairs, name = self.words(row, name), name or next(iter(self.tokens))
        else:
            self._one_output_matrix("text")
            name, parts = self._input(name, "text")
            own = parts[place]
            if own.ndim != 1 or own.size != len(words):
                raise InputError(
                    f"text: {len(words)} words for attributions of shape {own.shape}; give a word for each"
                )
            pairs = [(str(word), float(size)) for word, size in zip(words, own, strict=True)]
        if not np.isfinite([size for _, size in pairs]).all():
            raise InputError(f"row: {place} was not explained ({self.status[place]})")
        note = row_words(str(self.status[place]), in_spec=False, method=self.method)
        called = name if len(self.tokens) > 1 else ""
        return text_of(pairs, self._units(), row=self._row_name(place), note=note, name=called)

    def image(self, row: Any, name: str | None = None) -> Chart:
        """A row's image: baseline, original, mask of attributions and overlay, side by side.

        Args:
            row: a place or a label, as for `waterfall`.
            name: the input; None: the only one.

        Raises:
            InputError: for an input that is no image.
        """
        self._one_output_matrix("image")
        place = self._position(row)
        name, parts = self._input(name, "image")
        source = self._source_of("image", place)
        return image_of(
            source.array(name, place),
            source.start(name, place),
            parts[place],
            self._units(),
            row=self._row_name(place),
            name=name if isinstance(self.attributions, dict) and len(self.attributions) > 1 else "",
            note=row_words(str(self.status[place]), in_spec=False, method=self.method),
        )

    def path(self, row: Any) -> Chart:
        """The output and its slope on the way from the baseline to a row: where it saturates.

        The model is run at 65 places of the path.

        Raises:
            InputError: for a row that is not there or was not explained.
        """
        shown, place = self._shown_row(row, "path")
        return path_of(shown, self._source_of("path", place), place)

    def convergence(self, row: Any) -> Chart:
        """The error of a row's attributions over the gradients spent, by rules of fixed steps and by its own.

        The row is integrated anew with 2 to 64 steps; errors are against what up to 257 gradients by its own rule give.

        Raises:
            InputError: for a row that is not there or was not explained.
        """
        if self.method != "integrated_gradients":
            raise InputError(
                f"convergence: it shows rules of Integrated Gradients, and these rows are by method '{self.method}'"
            )
        shown, place = self._shown_row(row, "convergence")
        source = self._source_of("convergence", place)
        own = Spent(
            str(self.details.get("integrator", "its rule")),
            int(self.evaluations[place]),
            float(self.error_estimate[place]),
            float(self.relative_delta[place]),
        )
        return convergence_of(shown, source, place, own, float(source.asked.options.tolerance))

    def _repr_html_(self) -> str:
        from ig_tasks.explanations.overview import explanation_html

        return explanation_html(self, self._shown("bar") if self.output.ndim == 1 else None)

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

    def _shown(self, picture: str) -> Shown:
        matrix = self._one_output_matrix(picture)
        names = [str(label) for label in (range(len(self)) if self.index is None else self.index)]
        numbers = self.output, self.baseline_output, self.status
        return Shown(self.features, matrix, self.values, *numbers, names=names, units=self._units(), method=self.method)

    def _shown_row(self, row: Any, picture: str) -> tuple[Shown, int]:
        shown, place = self._shown(picture), self._position(row)
        return shown, place % len(self)

    def _source_of(self, picture: str, row: int) -> Source:
        if self.asked is None:
            raise InputError(f"{picture}: this explanation was stored without its model; explain the row again")
        method = str(self.details.get("method", "integrated_gradients"))
        if picture != "image" and method != "integrated_gradients":
            raise InputError(f"{picture}: it shows the straight path of integrated_gradients, and this is by {method}")
        if not np.isfinite(self.output[row]):
            raise InputError(f"row: {row} was not explained ({self.status[row]})")
        return Source(self.asked)

    def _input(self, name: str | None, picture: str) -> tuple[str, NDArray[np.float64]]:
        """An input's name and attributions, the only one if None. Raises InputError."""
        if not isinstance(self.attributions, dict):
            known = {self.groups[0].input if self.groups else "": self.attributions}
            if self.asked is not None:
                known = {next(iter(self.asked.inputs.arrays)): self.attributions}
            return next(iter(known.items()))
        if name is None and len(self.attributions) == 1:
            name = next(iter(self.attributions))
        if name is None or name not in self.attributions:
            hint = suggest(name or "", self.attributions, noun="inputs")
            raise InputError(f"{picture}: name the input to show{hint}")
        return name, self.attributions[name]
