"""Baselines for arrays: what `explain` makes of a strategy's name, of samples, of a dict by input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import BaselineError, suggest

__all__ = ["STRATEGIES", "Samples", "array_baselines"]

Embed = Callable[[str, NDArray[np.int64]], NDArray[np.float64]]

STRATEGIES = ("auto", "mean", "median", "mode", "zero")


@dataclass(frozen=True, eq=False)
class Samples:
    """k baselines whose attributions are averaged: an array (k, ...), or {input name: (k, ...)}.

    Averaging over baselines drawn from the data gives expected gradients (Erion et al. 2021) without their
    sampling of the path.
    """

    values: Any

    def split(self, names: list[str]) -> list[dict[str, NDArray[Any]]]:
        """The k baselines, {input name: one row's array} each. Raises BaselineError."""
        given = self.values if isinstance(self.values, Mapping) else dict.fromkeys(names, self.values)
        if not isinstance(self.values, Mapping) and len(names) > 1:
            raise BaselineError("baseline: the model has several inputs; give Samples a dict by input name")
        if set(given) != set(names):
            wrong = min(set(given) ^ set(names))
            raise BaselineError(
                f"baseline: Samples and inputs differ in '{wrong}'{suggest(wrong, names, noun='inputs')}"
            )
        arrays = {name: np.asarray(given[name]) for name in names}
        counts = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
        if len(counts) != 1 or 0 in counts:
            raise BaselineError(
                "baseline: Samples takes arrays (k, ...) with the same k of one or more for every input"
            )
        return [{name: array[place] for name, array in arrays.items()} for place in range(counts.pop())]


def array_baselines(
    baseline: Any, reference: Any, inputs: Mapping[str, NDArray[Any]], layers: Mapping[str, str], embed: Embed
) -> list[dict[str, Any]]:
    """Baselines by input name, one or, of `Samples`, several.

    `baseline` is a strategy's name, an array, a dict of both by input name, or `Samples`; `reference` is data
    like the inputs, on which strategies other than "zero" are fitted:

    auto, median   the median of numbers; the mean embedding of ids, weighted by their frequency
    mean           the mean of numbers; the mean embedding of ids
    mode           the median of numbers; the most frequent id
    zero           zero; the zero vector of an embedding

    Raises BaselineError for an unknown strategy, or for one that lacks its reference.
    """
    names = list(inputs)
    if isinstance(baseline, Samples):
        return baseline.split(names)
    if isinstance(baseline, Mapping):
        given = dict(baseline)
        for name in given:
            if name not in inputs:
                raise BaselineError(f"baseline: '{name}' is not an input{suggest(name, names, noun='inputs')}")
        for name in names:
            if name not in given:
                raise BaselineError(f"baseline: there is none for input '{name}'")
            if isinstance(given[name], Samples):
                raise BaselineError("baseline: give Samples a dict by input name, not a dict of Samples")
    elif isinstance(baseline, str) or len(names) == 1:
        given = dict.fromkeys(names, baseline)
    else:
        raise BaselineError("baseline: the model has several inputs; give a strategy's name or a dict by input name")
    return [{name: _one(given[name], name, reference, layers, embed) for name in names}]


def check_strategy(strategy: str, reference: Any) -> None:
    """Raise BaselineError for an unknown strategy, or for one that lacks its data."""
    if strategy not in STRATEGIES:
        raise BaselineError(f"baseline: '{strategy}' is no strategy{suggest(strategy, STRATEGIES, noun='strategies')}")
    if strategy != "zero" and reference is None:
        raise BaselineError(f"baseline: '{strategy}' is fitted on data; pass some as reference=, or use 'zero'")


def _one(value: Any, name: str, reference: Any, layers: Mapping[str, str], embed: Embed) -> Any:
    if not isinstance(value, str):
        return value
    check_strategy(value, reference)
    if value == "zero":
        return np.float64(0.0)
    given = reference.get(name) if isinstance(reference, Mapping) else reference
    if given is None:
        raise BaselineError(f"reference: it has no '{name}'{suggest(name, reference, noun='inputs')}")
    data = np.asarray(given)
    if data.ndim == 0 or data.shape[0] == 0:
        raise BaselineError(f"reference: '{name}' has no rows")
    if name in layers:
        return _of_ids(value, data, layers[name], embed)
    center = np.mean if value == "mean" else np.median
    return np.asarray(center(data.astype(np.float64), axis=0))


def _of_ids(strategy: str, data: NDArray[Any], layer: str, embed: Embed) -> NDArray[Any]:
    """Baseline of ids (rows, ...): vectors (..., width), or the most frequent ids (...)."""
    rows, places = data.shape[0], data.shape[1:]
    flat = data.reshape(rows, -1)
    found = [np.unique(flat[:, place], return_counts=True) for place in range(flat.shape[1])]
    if strategy == "mode":
        return np.array([ids[np.argmax(counts)] for ids, counts in found], dtype=np.int64).reshape(places)
    vectors = [(counts / rows) @ embed(layer, ids.astype(np.int64)) for ids, counts in found]
    return np.stack(vectors).reshape(*places, -1)
