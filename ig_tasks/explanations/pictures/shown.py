"""The rows that a picture is made of, whatever they come from: an explanation in memory, or a run in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution.result import CONVERGED
from ig_tasks.charts.axes import unique_labels
from ig_tasks.errors import InputError, suggest
from ig_tasks.presentation.statuses import row_words

__all__ = ["Shown", "evenly", "figure", "value_text"]

_WORDS = {
    "unverified": "unverified (no error estimate)",
    "max_evaluations": "not converged (max_evaluations)",
    "not_finite": "not finite",
}


@dataclass(frozen=True)
class Shown:
    """Rows of one output, with what they are called.

    Attributes:
        matrix: attributions (rows, features).
        values: what the features held (rows, features); None where that cannot be said.
        names: of the rows.
        units: what an attribution is counted in; "" where it is not known.
        labels: {feature: what to write for it}.
        rows: how many rows there are, of which these are a part.
        in_spec: whether remedies are settings of a spec.
        method: by which the rows were explained.
    """

    features: tuple[str, ...]
    matrix: NDArray[np.float64]
    values: NDArray[Any] | None
    output: NDArray[np.float64]
    baseline_output: NDArray[np.float64]
    status: NDArray[np.str_]
    names: Sequence[str]
    units: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    in_spec: bool = False
    method: str = "integrated_gradients"

    @property
    def explained(self) -> NDArray[np.intp]:
        """Places of the rows that have attributions."""
        return np.flatnonzero(np.isfinite(self.matrix).all(axis=1) & np.isfinite(self.output))

    def require_explained(self, picture: str) -> NDArray[np.intp]:
        """The same. Raises InputError where there are none."""
        found = self.explained
        if not found.size or not self.features:
            raise InputError(f"{picture}: no row was explained")
        return found

    def proven(self, row: int) -> bool:
        """Whether a row converged."""
        return str(self.status[row]) == CONVERGED

    def written(self, features: Sequence[int] | NDArray[np.intp]) -> list[str]:
        """Labels of the features at these places, no two the same."""
        names = [self.features[k] for k in features]
        labels = unique_labels(names, {name: self.labels.get(name, name) for name in names})
        return [labels[name] for name in names]

    def ranked(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Places of the features, the greatest mean |attribution| over these rows first."""
        return np.argsort(-np.abs(self.matrix[rows]).mean(axis=0), kind="stable")

    def feature(self, name: Any, picture: str) -> int:
        """The place of a feature that is named, by its name, its label or its place. Raises InputError."""
        if isinstance(name, int | np.integer) and not isinstance(name, bool):
            if 0 <= name < len(self.features):
                return int(name)
            raise InputError(f"{picture}: feature {name} is not there; there are {len(self.features)}, from 0")
        if name in self.features:
            return self.features.index(str(name))
        labelled = [place for place, own in enumerate(self.features) if self.labels.get(own) == name]
        if len(labelled) == 1:
            return labelled[0]
        raise InputError(
            f"{picture}: feature {name!r} is not there{suggest(str(name), self.features, noun='features')}"
        )

    def row_note(self, row: int) -> str:
        """What a row's status means, and what to do about it; "" where it converged."""
        return row_words(str(self.status[row]), in_spec=self.in_spec, method=self.method)

    def notes(self, drawn: int | None = None, mark: str = "") -> tuple[str, ...]:
        """What to say of all rows: those without attributions, those that did not converge, those not drawn.

        Args:
            drawn: rows that are drawn; None: all of them.
            mark: how those that did not converge are marked.
        """
        explained, notes = self.explained, []
        total = max(self.rows, len(self.names))
        if total > len(self.names):
            notes.append(f"{len(self.names):,} of {total:,} rows, spread evenly over all.")
        absent = len(self.names) - explained.size
        if absent:
            notes.append(f"{absent:,} of {len(self.names):,} rows have no attributions and are left out.")
        counts = Counter(map(str, self.status[explained]))
        kinds = [f"{number:,} {_WORDS.get(kind, kind)}" for kind, number in counts.items() if kind != CONVERGED]
        if kinds:
            how = f"; {mark}" if mark else ""
            notes.append(f"Of {explained.size:,} rows {' and '.join(kinds)}{how}.")
        if drawn is not None and drawn < explained.size:
            notes.append(f"{drawn:,} of {explained.size:,} rows are drawn, spread evenly over all.")
        return tuple(notes)

    def beyond(self, features: int) -> tuple[str, ...]:
        """What to say of features that are not drawn."""
        left = len(self.features) - features
        return (f"The {features} most important of {len(self.features):,} features.",) if left > 0 else ()


def evenly(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the places, spread evenly, the first and the last among them.

    >>> evenly(np.arange(10), 4).tolist(), evenly(np.arange(2), 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    if places.size <= most:
        return places
    return np.asarray(places[np.rint(np.linspace(0, places.size - 1, most)).astype(np.intp)])


def value_text(value: Any) -> str:
    """What a feature held, as it is written beside its name."""
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return "–" if value is None else str(value)


def figure(size: float) -> str:
    """An attribution beside its bar."""
    return f"{size + 0.0:+.3g}"
