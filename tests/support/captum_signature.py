"""Integrated Gradients under the signature of Captum's classes: what their users write, answered by `explain`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - what users of torch alone write

import ig_tasks

__all__ = ["IntegratedGradients", "LayerIntegratedGradients"]

_RULES = {
    "gausslegendre": "gauss_legendre",
    "riemann_left": "left",
    "riemann_right": "right",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}


class IntegratedGradients:
    """`IntegratedGradients(model).attribute(...)`; `n_steps` None: as exact as `tolerance` asks."""

    def __init__(self, model: torch.nn.Module, multiply_by_inputs: bool = True) -> None:
        self.model = model
        self._method = {"name": "integrated_gradients", "multiply_by_inputs": multiply_by_inputs}

    def attribute(
        self,
        inputs: Any,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        n_steps: int | None = None,
        method: str = "gausslegendre",
        internal_batch_size: int | None = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attributions as tensors: a tuple for a tuple; with the delta of each row where it is asked for."""
        explanation = self._explained(inputs, baselines, target, additional_forward_args, n_steps, method)
        found = explanation.attributions
        parts = [found[name] for name in self._names(inputs)] if isinstance(found, dict) else [found]
        tensors = tuple(torch.as_tensor(np.asarray(part)) for part in parts)
        attributions = tensors if isinstance(inputs, tuple) else tensors[0]
        if not return_convergence_delta:
            return attributions
        return attributions, torch.as_tensor(explanation.convergence_delta)

    def _explained(
        self, inputs: Any, baselines: Any, target: Any, more: Any, steps: int | None, rule: str, **options: Any
    ) -> Any:
        names = self._names(inputs)
        given = dict(zip(names, _listed(inputs), strict=True))
        starts = [0.0] * len(names) if baselines is None else _listed(baselines)
        fixed = dict(zip(self._parameters()[len(names) :], [] if more is None else _listed(more), strict=False))
        if steps is not None:
            options |= {"integrator": _RULES[rule], "steps": steps}
        else:
            options |= {"tolerance": 1e-6}
        return ig_tasks.explain(
            self.model,
            given,
            baseline={name: _start(start, given[name]) for name, start in zip(names, starts, strict=True)},
            fixed=fixed or None,
            target=_target(target),
            method=self._method,
            **options,
        )

    def _names(self, inputs: Any) -> list[str]:
        return self._parameters()[: len(_listed(inputs))]

    def _parameters(self) -> list[str]:
        return list(inspect.signature(self.model.forward).parameters)


class LayerIntegratedGradients(IntegratedGradients):
    """`LayerIntegratedGradients(model, layer).attribute(ids, ...)` of embedding layers, summed over their width."""

    def __init__(self, model: torch.nn.Module, layer: torch.nn.Module) -> None:
        super().__init__(model)
        self._layer = next(name for name, module in model.named_modules() if module is layer)

    def _explained(self, inputs: Any, *given: Any, **options: Any) -> Any:
        return super()._explained(inputs, *given, layers={self._names(inputs)[0]: self._layer}, **options)


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, tuple) else [values]


def _start(start: Any, rows: torch.Tensor) -> Any:
    """A number stands for all of it; a tensor with one row is every row's."""
    if isinstance(start, torch.Tensor):
        return start[0] if start.shape[0] == 1 and rows.shape[0] != 1 else start
    return np.full(tuple(rows.shape[1:]), start, dtype=rows.numpy().dtype)


def _target(target: Any) -> Any:
    if isinstance(target, Sequence) and not isinstance(target, tuple):
        return np.array(target) if all(isinstance(one, int) for one in target) else list(target)
    return target.numpy() if isinstance(target, torch.Tensor) else target
