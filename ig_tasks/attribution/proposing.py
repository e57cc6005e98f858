"""Finds, on a few rows, the layers that embed each input of ids, to propose them in messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.backends import open_backend
from ig_tasks.attribution.backends.base import Backend
from ig_tasks.attribution.feeds import NONE, Tables
from ig_tasks.attribution.named_inputs import NamedInputs
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.routing import calls_of
from ig_tasks.attribution.tracing import MIXED

__all__ = ["embedded_by", "layers_embedding"]

Array = npt.NDArray[Any]


def layers_embedding(
    model: Any,
    inputs: NamedInputs,
    ids: Collection[str],
    others: Mapping[str, Any],
) -> dict[str, tuple[str, ...]]:
    """{input of ids: the layers that embed it, in the order in which they run}; inputs without one are left out.

    Layers that receive rearranged ids are left out, since no path can run there.

    Args:
        ids: the inputs that consist of ids.
        others: inputs that are passed on as they are.
    """
    arrays = inputs.arrays
    every = (*arrays.values(), *map(np.asarray, others.values()))
    if not ids or any(array.dtype.kind not in "fiub" for array in every):
        return {}
    backend = open_backend(model, {name: Tables(()) for name in ids}, "model", None)
    endpoints = {name: array.astype(np.int64) if name in ids else array for name, array in arrays.items()}
    problem = Problem(endpoints, {}, dict(others), inputs.rows, np.zeros((1, inputs.rows), dtype=np.int64))
    with backend.session():
        backend.check_names([] if inputs.bare else list(arrays), list(others), inputs.positional)
        return _layers_of_inputs(backend, problem, ids)


def embedded_by(backend: Backend, problem: Problem, name: str) -> tuple[str, ...]:
    """The layers that embed one input; empty if that cannot be found out."""
    try:
        return _layers_of_inputs(backend, problem, [name]).get(name, ())
    except Exception:  # noqa: BLE001 - used in a message only, whatever the model raises
        return ()


def _layers_of_inputs(backend: Backend, problem: Problem, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    calls, places, inputs = calls_of(backend, problem, dict.fromkeys(ids, Tables(())))
    layers_of: dict[str, list[str]] = {}
    for fed in calls:
        own = places.get((fed.layer, fed.call))
        if own is None or (own == MIXED).any() or not backend.gives_vectors(fed.layer):
            continue
        for place in np.unique(own[own != NONE]).tolist():
            name = inputs[place][0]
            if fed.layer not in layers_of.setdefault(name, []):
                layers_of[name].append(fed.layer)
    return {name: tuple(layers) for name, layers in layers_of.items() if layers}
