"""Whether attributions foretell what the output does: infidelity, and the curves of insertion and deletion.

Yeh, Hsieh, Suggala, Inouye & Ravikumar 2019, "On the (In)fidelity and Sensitivity of Explanations", definition 2.1;
Petsiuk, Das & Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models", section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "Curves",
    "curves",
    "infidelity",
    "noise_infidelity",
    "order_of",
    "random_order",
    "random_sets",
    "shares_of_points",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Arrays = Mapping[str, npt.NDArray[Any]]
Without = Callable[[Iterable[Bools]], Iterator[Floats]]
"""The output (rows,) for each choice (rows, features) of features that are held at the baseline."""


def infidelity(foretold: Sequence[Floats], changes: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Mean over draws of (foretold change - change of the output)^2, and of the change's square, each (rows,).

    E[(I . phi - (F(x) - F(x - I)))^2] for perturbations I and attributions phi per unit of the input.

    Args:
        foretold: I . phi of each draw, (rows,).
        changes: F(x) - F(x - I) of each draw, (rows,).
    """
    told, seen = np.stack(list(foretold)), np.stack(list(changes))
    return np.asarray(((told - seen) ** 2).mean(axis=0)), np.asarray((seen**2).mean(axis=0))


def noise_infidelity(
    outputs_of: Callable[[Iterable[Arrays]], Iterator[Floats]],
    output: Floats,
    arrays: Arrays,
    gradients: Mapping[str, Floats],
    *,
    deviation: float,
    draws: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """`infidelity` to normal noise in the inputs of numbers, of attributions that are per unit of the input.

    Args:
        outputs_of: the output (rows,) at each of several inputs.
        output: at `arrays`, (rows,).
        gradients: {input of numbers: (rows, ...) what the output is said to change by per unit}.
        deviation: standard deviation of the noise.
    """
    random = np.random.default_rng(seed)
    noise = [
        {name: random.normal(scale=deviation, size=np.shape(arrays[name])) for name in gradients} for _ in range(draws)
    ]
    moved = ({**arrays, **{name: np.asarray(arrays[name]) - step[name] for name in step}} for step in noise)
    changes = [output - there for there in outputs_of(moved)]
    foretold = [
        np.asarray(sum((step[name] * gradients[name]).reshape(len(output), -1).sum(axis=1) for name in step))
        for step in noise
    ]
    return infidelity(foretold, changes)


def random_sets(rows: int, features: int, draws: int, seed: int) -> Iterator[Bools]:
    """Choices (rows, features) of features: of each size but none and all alike often, another one in each row."""
    random = np.random.default_rng(seed)
    for _ in range(draws):
        sizes = random.integers(1, max(features, 2), size=(rows, 1))
        yield random_order(rows, features, random) < sizes


def random_order(rows: int, features: int, random: np.random.Generator) -> Ints:
    """The place (rows, features) of each feature in an order of its own for each row."""
    return np.argsort(np.argsort(random.random((rows, features)), axis=1), axis=1)


def order_of(attributions: Floats, effect: Floats) -> Ints:
    """The place (rows, features) of each feature, those first that push the most towards the row's output.

    Args:
        effect: (rows,) output less the baseline's: which way the row was pushed.
    """
    towards = attributions * np.where(effect < 0, -1.0, 1.0)[:, None]
    return np.argsort(np.argsort(-towards, axis=1, kind="stable"), axis=1)


@dataclass(frozen=True)
class Curves:
    """Outputs (points, rows) where the first features of an order are put in, or taken out.

    shares: (points,) how many of the features that is, from 0 to 1.
    """

    shares: Floats
    insertion: Floats
    deletion: Floats

    @property
    def insertion_area(self) -> Floats:
        """The mean output (rows,) along the way from the baseline to the row."""
        return self._area(self.insertion)

    @property
    def deletion_area(self) -> Floats:
        """The mean output (rows,) along the way from the row to the baseline."""
        return self._area(self.deletion)

    def _area(self, outputs: Floats) -> Floats:
        steps = np.diff(self.shares)[:, None]
        return np.asarray(((outputs[1:] + outputs[:-1]) / 2 * steps).sum(axis=0))


def shares_of_points(features: int, points: int) -> Ints:
    """How many features are moved at each point of a curve: from none to all."""
    return np.unique(np.round(np.linspace(0, features, min(points, features) + 1)).astype(np.int64))


def curves(without: Without, order: Ints, points: int) -> Curves:
    """The outputs as features are put into the baseline, and taken out of the row, in an order (rows, features)."""
    counts = shares_of_points(order.shape[1], points)

    def choices() -> Iterator[Bools]:
        for count in counts:
            yield order >= count  # put in: all but the first stay at the baseline
            yield order < count

    outputs = np.stack(list(without(choices())))
    return Curves(counts / order.shape[1], outputs[0::2], outputs[1::2])
