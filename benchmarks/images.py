"""Convolutional networks: ours against Captum at the number of steps that gives it the same error."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - imported when a torch contest runs

import ig_tasks
from benchmarks.accuracy import accuracy
from benchmarks.captum_runs import DEFAULT, CaptumRuns, plain
from benchmarks.contest import OURS, Attributed, Contest, Contestant, Options, Refused, log
from benchmarks.mnist import mnist
from benchmarks.results import Accuracy

__all__ = ["Images"]

LADDER = (15, 25, 35, 50, 70, 100, 140, 200, 280, 400, 560, 800)
"""Steps that Captum is tried with."""
TRIED = 64
"""Images that its batches are tried with."""
BATCHES = ("points=64", "points=256", "points=1024")


class Images(Contest):
    """The predicted class of MNIST images, from a black image."""

    def __init__(self, name: str, title: str, pool: str, options: Options) -> None:
        self.name, self.title = name, title
        self.model, self.images = mnist(pool, 12 if options.quick else 200)
        self.rows = len(self.images)
        self.nodes, self.reference_rows = (400, 6) if options.quick else (5000, 24)
        with torch.no_grad():
            self.targets = self.model(self.images).argmax(dim=1)

    @cached_property
    def captum(self) -> CaptumRuns:
        return plain(self.model, self.images, self.targets)

    def entrants(self) -> list[str]:
        keys = [OURS, DEFAULT]
        with contextlib.suppress(Refused):  # which is said when the default is entered
            keys.append(self.captum.best([*BATCHES, f"internal={self.rows}"], min(self.rows, TRIED)))
        return keys

    def more(self, found: Mapping[str, Accuracy]) -> list[str]:
        """Captum with the fewest steps of the ladder whose median error is no more than ours."""
        if DEFAULT not in found:
            return []
        reference = self.reference()[0]
        for steps in LADDER:
            explain = self.captum.contestant(f"captum/{steps}/points=256").explain
            errors = accuracy(explain(len(reference)).values, reference, self.tolerance, None)
            log(f"  Captum with {steps} steps: median error {errors.median:.1e}; ours {found[OURS].median:.1e}")
            if errors.median <= found[OURS].median:
                self.notes = [f"Captum needs {steps} steps for the median error that ours has."]
                return [self.captum.best(BATCHES, min(self.rows, TRIED // 2), steps)]
        self.notes = [f"Captum does not reach the median error that ours has with {LADDER[-1]} steps."]
        return []

    def contestant(self, key: str) -> Contestant:
        return self.captum.contestant(key) if key.startswith("captum/") else self._ours()

    def _ours(self) -> Contestant:
        arrays = self.images.numpy()
        black = np.zeros_like(arrays[0])

        def explain(rows: int) -> Attributed:
            found = ig_tasks.explain(
                self.model, arrays[:rows], baseline=black, tolerance=self.tolerance, target="predicted"
            )
            return Attributed.of(found)

        return Contestant(OURS, OURS, f"tolerance={self.tolerance:g}", self.rows, explain)

    def reference(self) -> tuple[npt.NDArray[np.float64], str]:
        return self._reference, f"{self.nodes:,} midpoint nodes, summed in float64, {len(self._reference)} rows"

    @cached_property
    def _reference(self) -> npt.NDArray[np.float64]:
        # Gradients in float32 are off by 1e-6, in float64 they take twice as long.
        rows = range(min(self.rows, self.reference_rows))
        return np.stack([_midpoint(self.model, self.images[row], int(self.targets[row]), self.nodes) for row in rows])

    def products(self) -> float:
        convolution, output = self.model.conv_1, self.model.output
        return fastest(lambda rows: _products(convolution.weight.detach(), output.weight.detach(), rows))


def _midpoint(model: torch.nn.Module, image: torch.Tensor, target: int, nodes: int) -> npt.NDArray[np.float64]:
    total = torch.zeros_like(image, dtype=torch.float64)
    places = (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    for part in places.split(250):
        points = (part.float()[:, None, None, None] * image).requires_grad_()
        (gradients,) = torch.autograd.grad(model(points)[:, target].sum(), points)
        total += gradients.sum(dim=0, dtype=torch.float64)
    return np.asarray((image * total / nodes).flatten())


def _products(kernel: torch.Tensor, matrix: torch.Tensor, rows: int) -> Callable[[], Any]:
    """One forward and one input-gradient pass of everything behind the first layer, without what lies between."""
    values, gradients = torch.randn(rows, kernel.shape[1], 14, 14), torch.randn(rows, kernel.shape[0], 14, 14)
    flat, upper = torch.randn(rows, matrix.shape[1]), torch.randn(rows, matrix.shape[0])

    def multiply() -> None:
        torch.nn.functional.conv2d(values, kernel, padding=1)
        torch.nn.functional.conv_transpose2d(gradients, kernel, padding=1)
        torch.mm(flat, matrix.T)
        torch.mm(upper, matrix)

    return multiply


def fastest(work: Callable[[int], Callable[[], Any]], sizes: tuple[int, ...] = (16, 64, 256)) -> float:
    """Seconds a row of `work(rows)()`, in the best of a few batch sizes."""
    best = np.inf
    with torch.no_grad():
        for rows in sizes:
            multiply, spent = work(rows), []
            for _ in range(max(3, 512 // rows)):
                started = time.perf_counter()
                multiply()
                spent.append(time.perf_counter() - started)
            best = min(best, float(np.median(spent)) / rows)
    return best
