"""What each figure of an explanation's quality is called, what it means, and what a good value is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["MEASURES", "MeasureWords", "figure_words"]


@dataclass(frozen=True)
class MeasureWords:
    """title: what people call it; meaning: a sentence; good: what a good value is.

    short: what each of several figures is called, above what it is of.
    """

    title: str
    meaning: str
    good: str
    short: str = ""


MEASURES = {
    "infidelity": MeasureWords(
        "Infidelity",
        "Random sets of features are put at the baseline. The output changes, and the attributions of these features "
        "foretell by how much: this is the mean square of the difference, in the output's units squared.",
        "0 is perfect; how large is large, the next figure says.",
    ),
    "unforetold": MeasureWords(
        "Change not foretold",
        "The same as a share of the mean square of the changes themselves.",
        "0: attributions foretell every change; 1: no better than foretelling none. Features that act together leave "
        "some of it in any explanation that adds up.",
    ),
    "max_sensitivity": MeasureWords(
        "Max-sensitivity",
        "All numbers of a row are moved a little at random, and it is explained again: how far its attributions move "
        "at most, as a share of their own length.",
        "Small is good: rows that are alike have explanations that are alike.",
    ),
    "insertion": MeasureWords(
        "Insertion",
        "Starting from the baseline, features take the row's values, those first that push the most. The share of the "
        "way to the row's output that has been gone, on average along the way.",
        "Larger than for a random order is good. Beyond 1, the output went farther on the way than the row's.",
    ),
    "deletion": MeasureWords(
        "Deletion",
        "Starting from the row, features are put at the baseline, those first that push the most. The share of the "
        "way that is left, on average along the way.",
        "Smaller than for a random order is good. Below 0, the output fell short of the baseline's on the way.",
    ),
    "sparseness": MeasureWords(
        "Sparseness",
        "Gini index of the sizes of a row's attributions.",
        "0: all features count alike; towards 1: few features say nearly all. Neither is better by itself: few are "
        "easier to read.",
    ),
    "randomised": MeasureWords(
        "Agreement once weights are random",
        "The layers of a copy of the model get random weights, from the output downwards, and the rows are explained "
        "again: rank correlation of both explanations.",
        "Near 0 at the last step is good: the explanation depends on what the model has learned. One draw of weights "
        "lies off 0 by about 1 over the root of the number of features.",
        "Weights random from the output to",
    ),
    "randomised_sizes": MeasureWords(
        "The same agreement of sizes",
        "Rank correlation of the sizes of both, without their signs.",
        "It stays above 0 where values lie far from the baseline, whatever the model: attributions grow with that "
        "distance.",
        "The same of sizes, to",
    ),
    "methods": MeasureWords(
        "Agreement with other methods",
        "The rows explained by another method: rank correlation of the sizes of the attributions.",
        "1: both rank the features of a row alike. Where methods differ, the choice of the method is part of the "
        "answer.",
        "Agreement with method",
    ),
    "baselines": MeasureWords(
        "Agreement with other baselines",
        "The rows explained from another baseline: rank correlation of the sizes of the attributions.",
        "1: both rank the features of a row alike. Where baselines differ, the choice of the baseline is part of the "
        "question.",
        "Agreement with baseline",
    ),
}
"""{measure: words}, in the order in which they are told."""


class Measure(Protocol):
    """A figure with its error, as the engine measures it and as a report holds it."""

    @property
    def measure(self) -> str: ...
    @property
    def of(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def se(self) -> float | None: ...
    @property
    def chance(self) -> float | None: ...


def figure_words(figure: Measure) -> str:
    """A figure in a line, without what it means."""
    of = f" {figure.of}" if figure.of else ""
    value = "not known" if not _known(figure.value) else f"{figure.value:.3g}"
    error = f" ± {figure.se:.2g}" if _known(figure.se) else ""
    by_chance = f"; by chance {figure.chance:.3g}" if _known(figure.chance) else ""
    words = MEASURES[figure.measure]
    return f"{words.short if figure.of else words.title}{of}: {value}{error}{by_chance}"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
