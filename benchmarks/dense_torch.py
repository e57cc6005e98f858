"""Dense networks in torch: ours against Captum, and on some models against SHAP and PAIR saliency."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - imported when a torch contest runs

from benchmarks import row_by_row
from benchmarks.captum_runs import DEFAULT, CaptumRuns, plain
from benchmarks.contest import OURS, Contest, Contestant, Refused
from benchmarks.dense import dense_reference, ours
from benchmarks.reference import DenseNet

__all__ = ["ACTIVATIONS", "DenseTorch"]

ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    "relu": torch.nn.ReLU,
    "silu": torch.nn.SiLU,
    "gelu": torch.nn.GELU,
    "tanh": torch.nn.Tanh,
}
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
        others: Sequence[str] = (),
        notes: Sequence[str] = (),
    ) -> None:
        self.name, self.title, self.notes = name, title, notes
        self.net, self.inputs, self.others = net, inputs, others
        self.rows = len(inputs)
        self.model = dense_torch(net)
        self.tensor = torch.from_numpy(inputs)

    @cached_property
    def captum(self) -> CaptumRuns:
        return plain(self.model, self.tensor)

    def entrants(self) -> list[str]:
        trial = min(self.rows, 1000)
        keys = [OURS, *(key for key in self.others if key == "exact"), DEFAULT]
        with contextlib.suppress(Refused):  # which is said when the default is entered
            batches = ["points=1024", "points=4096", "points=16384", f"internal={trial}"]
            keys.append(self.captum.best(batches, trial))
        return keys + [key for key in self.others if key != "exact"]

    def contestant(self, key: str) -> Contestant:
        few = min(FEW, self.rows)
        if key in (OURS, "exact"):
            integrator = "exact" if key == "exact" else "auto"
            return ours(self.model, self.inputs, self.tolerance, key=key, integrator=integrator)
        if key == "shap":
            return row_by_row.shap(self.model, self.tensor, few)
        if key.startswith("saliency"):
            return row_by_row.saliency(self.model, self.tensor, few, batched=key.endswith("batched"))
        return self.captum.contestant(key)

    def reference(self) -> tuple[npt.NDArray[np.float64], str]:
        return dense_reference(self.net, self.inputs)

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
