"""Attribution methods by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ig_tasks.attribution.methods.base import Method, MethodResult
from ig_tasks.attribution.methods.blur import Blur
from ig_tasks.attribution.methods.conductance import Conductance
from ig_tasks.attribution.methods.described import Described
from ig_tasks.attribution.methods.expected_gradients import ExpectedGradients
from ig_tasks.attribution.methods.gradient_x_input import GradientXInput
from ig_tasks.attribution.methods.guided import Guided
from ig_tasks.attribution.methods.idgi import Idgi
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.integrated_hessians import IntegratedHessians
from ig_tasks.attribution.methods.layer import Layer
from ig_tasks.attribution.methods.neuron import Neuron
from ig_tasks.attribution.methods.noise_averaged import NoiseAveraged
from ig_tasks.attribution.methods.saliency import Saliency
from ig_tasks.attribution.methods.through_units import ThroughUnits
from ig_tasks.attribution.methods.weighted_baselines import WeightedBaselines
from ig_tasks.errors import InputError, suggest

__all__ = [
    "METHODS",
    "Blur",
    "Conductance",
    "ExpectedGradients",
    "GradientXInput",
    "Guided",
    "Idgi",
    "IntegratedGradients",
    "IntegratedHessians",
    "Layer",
    "Method",
    "MethodResult",
    "Neuron",
    "NoiseAveraged",
    "Saliency",
    "ThroughUnits",
    "WeightedBaselines",
    "choose_method",
]

METHODS: dict[str, type[Described]] = {
    method.name: method
    for method in (
        IntegratedGradients,
        ExpectedGradients,
        WeightedBaselines,
        Guided,
        Idgi,
        Blur,
        NoiseAveraged,
        Saliency,
        GradientXInput,
        Neuron,
        Layer,
        Conductance,
        ThroughUnits,
        IntegratedHessians,
    )
}
"""Methods that can be chosen by name."""


def choose_method(method: Any) -> Method:
    """The method that `method` is, names, or describes as {"name": ..., parameter: ...}. Raises InputError."""
    if inspect.isclass(method):
        raise InputError(f"method: {method.__name__} is a class; give an object, {method.__name__}(...)")
    if isinstance(method, Method):
        return method
    described = {"name": method} if isinstance(method, str) else method
    name = described.get("name") if isinstance(described, Mapping) else method
    if not isinstance(described, Mapping) or not isinstance(name, str) or name not in METHODS:
        raise InputError(f"method: {name!r} is not known{suggest(str(name), METHODS, noun='methods')}")
    chosen = METHODS[name]
    known = [field.name for field in fields(chosen)]
    parameters = {}
    for key, value in described.items():
        if key == "name":
            continue
        if key not in known:
            raise InputError(f"method '{name}': it has no '{key}'{suggest(str(key), known, noun='parameters')}")
        parameters[key] = choose_method(value) if key == "method" else value
    return chosen(**parameters)
