"""Dense networks in torch: ours against Captum, and on some models against SHAP and PAIR saliency."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - imported when a torch contest runs

import ig_tasks
from benchmarks import row_by_row
from benchmarks.captum_runs import DEFAULT_STEPS, CaptumRuns, plain
from benchmarks.contest import OURS, Attributed, Contest, Contestant, Options, Refused
from benchmarks.reference import DenseNet, exact, gauss
from ig_tasks.errors import UserError

__all__ = ["ACTIVATIONS", "DenseTorch"]

ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    "relu": torch.nn.ReLU,
    "silu": torch.nn.SiLU,
    "gelu": torch.nn.GELU,
    "tanh": torch.nn.Tanh,
}
REFERENCE_ROWS = 2000
FEW = 50
"""Rows for the libraries that explain one at a time."""


def dense_torch(net: DenseNet) -> torch.nn.Sequential:
    """The network as a user has it: float32, Linear and activation by turns, in eval mode."""
    steps: list[torch.nn.Module] = []
    for weight, bias in zip(net.weights, net.biases, strict=True):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))
        steps += [layer, ACTIVATIONS[net.activation]()]
    return torch.nn.Sequential(*steps[:-1]).eval()


class DenseTorch(Contest):
    """`others`: keys beyond ours and Captum's, such as "exact", "shap", "saliency"."""

    def __init__(
        self,
        name: str,
        title: str,
        net: DenseNet,
        inputs: npt.NDArray[np.float32],
        options: Options,
        others: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.title, self.notes = name, title, notes
        self.net, self.inputs, self.others = net, inputs, others
        self.rows, self.options = len(inputs), options
        self.model = dense_torch(net)
        self.tensor = torch.from_numpy(inputs)

    @cached_property
    def captum(self) -> CaptumRuns:
        return plain(self.model, self.tensor)

    def entrants(self) -> list[str]:
        keys = [OURS, *(key for key in self.others if key == "exact")]
        try:
            trial = min(self.rows, 4000)
            keys += [f"captum/{DEFAULT_STEPS}/all"]
            keys += [self.captum.best(["rows=20", "rows=80", "rows=320", f"internal={self.rows}"], trial)]
        except Refused:
            pass  # said when the first key is entered
        return keys + [key for key in self.others if key != "exact"]

    def contestant(self, key: str) -> Contestant:
        few = min(FEW, self.rows)
        if key in (OURS, "exact"):
            return self._ours(key)
        if key == "shap":
            return row_by_row.shap(self.model, self.tensor, few)
        if key.startswith("saliency"):
            return row_by_row.saliency(self.model, self.tensor, few, batched=key.endswith("batched"))
        return self.captum.contestant(key)

    def _ours(self, key: str) -> Contestant:
        integrator = "exact" if key == "exact" else "auto"
        setting = 'integrator="exact"' if key == "exact" else f"tolerance={self.tolerance:g}"
        zero = np.zeros(self.inputs.shape[1], np.float32)

        def explain(rows: int) -> Attributed:
            part = self.inputs[:rows]
            try:
                found = ig_tasks.explain(
                    self.model, part, baseline=zero, tolerance=self.tolerance, integrator=integrator
                )
            except UserError as error:
                raise Refused(f"{setting}: {error}") from error
            return Attributed.of(found)

        return Contestant(key, OURS, setting, self.rows, explain)

    def reference(self) -> tuple[npt.NDArray[np.float64], str]:
        some, zero = self.inputs[: min(self.rows, REFERENCE_ROWS)], np.zeros(self.inputs.shape[1])
        if self.net.piecewise_linear:
            return exact(self.net, some, zero), f"exact, {len(some):,} rows"
        return gauss(self.net, some, zero), f"256 Gauss-Legendre nodes in float64, {len(some):,} rows"

    def products(self) -> float:
        return products_seconds([torch.from_numpy(weight).float() for weight in self.net.weights[1:]])


def products_seconds(weights: list[Any]) -> float:
    """Seconds of one row's forward and input-gradient products through `weights`, in the best of a few batch sizes."""
    best = np.inf
    for rows in (512, 2048, 8192):
        forward = [torch.randn(rows, weight.shape[1]) for weight in weights]
        backward = [torch.randn(rows, weight.shape[0]) for weight in weights]
        spent = []
        for _ in range(max(3, 32768 // rows)):
            started = time.perf_counter()
            for weight, value, gradient in zip(weights, forward, backward, strict=True):
                torch.mm(value, weight.T)
                torch.mm(gradient, weight)
            spent.append(time.perf_counter() - started)
        best = min(best, float(np.median(spent)) / rows)
    return best
