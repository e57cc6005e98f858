"""Rows that are called converged behind a saturating transform, against integration of our own between all flips.

    python -m benchmarks.saturating [--seeds 1] [--rows 60]

Amounts go through asinh, log1p or tanh(x / 50), or logits through softmax, and then through a small ReLU net: such
a path is nearly over at a thousandth of its length, and the units flip there. Prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch  # noqa: TID253 - its nets are torch's
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

import ig_tasks
from benchmarks.kinks import Do
from benchmarks.tables import markdown

__all__ = ["BASELINES", "TRANSFORMS", "Case", "cases", "tally", "truth"]

Floats = NDArray[np.float64]
Weights = list[tuple[NDArray[np.float32], NDArray[np.float32]]]
FEATURES, LOGITS = 6, 30.0
TOLD = 16
"""Roundings of the output that a row's effects come to at least: float32 tells nothing of smaller ones."""


def _softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


TRANSFORMS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "log1p": (np.log1p, torch.log1p),
    "asinh": (np.arcsinh, torch.asinh),
    "sign(x) log1p(abs(x))": (lambda x: np.sign(x) * np.log1p(np.abs(x)), lambda x: x.sign() * x.abs().log1p()),
    "tanh(x / 50)": (lambda x: np.tanh(x / 50.0), lambda x: torch.tanh(x / 50.0)),
    "softmax": (_softmax, lambda x: torch.softmax(x, dim=1)),
}  # by numpy, and by torch
BASELINES = ("zero", "another row")


class Case(NamedTuple):
    """A net behind a transform, and where its paths start."""

    transform: str
    units: int
    layers: int
    biases: float
    baseline: str
    seed: int

    @property
    def weights(self) -> Weights:
        rng = np.random.default_rng([self.units, self.layers, self.seed])
        sizes = (FEATURES, *[self.units] * self.layers, 1)
        return [
            (
                (rng.normal(size=(wide, narrow)) / np.sqrt(wide)).astype(np.float32),
                (self.biases * rng.normal(size=narrow)).astype(np.float32),
            )
            for wide, narrow in itertools.pairwise(sizes)
        ]

    def net(self) -> nn.Module:
        layers: list[nn.Module] = [Do(TRANSFORMS[self.transform][1])]
        for weight, bias in self.weights:
            linear = nn.Linear(*weight.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weight.T))
                linear.bias.copy_(torch.tensor(bias))
            layers += [linear, nn.ReLU()]
        return nn.Sequential(*layers[:-1]).eval()

    def endpoints(self, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Baselines and inputs (rows, features)."""
        rng = np.random.default_rng([7, self.units, self.layers, self.seed])
        drawn = rng.normal(size=(2, rows, FEATURES))
        amounts = LOGITS * drawn if self.transform == "softmax" else np.exp(6.0 + 2.0 * drawn)
        if self.transform not in ("softmax", "log1p"):
            amounts = amounts * np.sign(rng.normal(size=amounts.shape))
        starts, endpoints = amounts.astype(np.float32)
        return starts * (self.baseline != "zero"), endpoints


def cases(seeds: int, units: tuple[int, ...] = (8, 16, 32, 64)) -> list[Case]:
    biases = (0.0, 0.1)
    return [Case(*each) for each in itertools.product(TRANSFORMS, units, (1, 2), biases, BASELINES, range(seeds))]


def truth(case: Case, starts: NDArray[Any], endpoints: NDArray[Any]) -> Floats:
    """Integrated Gradients in float64: cells that are cut where units flip, and in each the transform's own change.

    Cells are finest where a feature passes 0, or two logits are alike. Softmax is integrated by three Gauss nodes.
    """
    weights = [(weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in case.weights]
    pairs = zip(starts.astype(np.float64), endpoints.astype(np.float64), strict=True)
    return np.stack([_row(case.transform, weights, start, end) for start, end in pairs])


def _row(transform: str, weights: list[tuple[Floats, Floats]], start: Floats, end: Floats) -> Floats:
    delta, together = end - start, transform == "softmax"

    def transformed(places: Floats) -> Floats:
        return np.asarray(TRANSFORMS[transform][0](start + places[:, None] * delta))

    edges = _cells(start, delta, together=together)
    for _ in range(2):
        flips = np.flatnonzero(np.any(np.diff(_sides(weights, transformed(edges)), axis=0), axis=1))
        parts = edges[flips, None] + np.diff(edges)[flips, None] * np.arange(1, 16) / 16.0
        edges = np.unique(np.concatenate([edges, parts.ravel()]))
    middles, widths = 0.5 * (edges[1:] + edges[:-1]), np.diff(edges)
    slopes = _slopes(weights, _sides(weights, transformed(middles)))
    if not together:
        return np.asarray((slopes * np.diff(transformed(edges), axis=0)).sum(axis=0))
    total = np.zeros_like(delta)
    for node, share in zip(*np.polynomial.legendre.leggauss(3), strict=True):
        shares = transformed(middles + 0.5 * node * widths)
        pulled = shares * (slopes - (shares * slopes).sum(axis=1, keepdims=True))
        total += 0.5 * share * (widths @ pulled) * delta
    return total


def _cells(start: Floats, delta: Floats, *, together: bool) -> Floats:
    """Edges, closer together towards both ends and where a feature is 0 (`together`: where two are alike)."""
    first, second = np.triu_indices(start.size, 1)
    at = start[first] - start[second] if together else start
    by = delta[first] - delta[second] if together else delta
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = -at / by
    around = [0.0, 1.0, *crossed[(crossed > 0.0) & (crossed < 1.0)]]
    steps = 0.75 * 2.0 ** -np.arange(14.0 if together else 34.0)
    edges = np.concatenate(
        [np.linspace(0.0, 1.0, 65), *(np.array([at, *(at + steps), *(at - steps)]) for at in around)]
    )
    edges = np.unique(edges[(edges >= 0.0) & (edges <= 1.0)])
    return np.unique(np.append(edges[:-1, None] + np.diff(edges)[:, None] * np.arange(6) / 6.0, 1.0))


def _sides(weights: list[tuple[Floats, Floats]], values: Floats) -> NDArray[np.bool_]:
    """Which units are on (places, units of all layers)."""
    found = []
    for weight, bias in weights[:-1]:
        values = values @ weight + bias
        found.append(values > 0.0)
        values = np.maximum(values, 0.0)
    return np.concatenate(found, axis=1)


def _slopes(weights: list[tuple[Floats, Floats]], sides: NDArray[np.bool_]) -> Floats:
    """Gradients (places, features) behind the transform where these units are on."""
    slopes = np.broadcast_to(weights[-1][0].T, (len(sides), len(weights[-1][0])))
    last = sides.shape[1]
    for weight, _ in weights[-2::-1]:
        slopes = (slopes * sides[:, last - weight.shape[1] : last]) @ weight.T
        last -= weight.shape[1]
    return np.asarray(slopes)


class Tally(NamedTuple):
    """Rows with an effect that float32 can tell, the true errors of those called converged, and all evaluations."""

    rows: int
    errors: Floats
    evaluations: Floats


def tally(case: Case, rows: int, tolerance: float = 0.01) -> Tally:
    """What became of the rows of one net."""
    starts, endpoints = case.endpoints(rows)
    right = truth(case, starts, endpoints)
    found = ig_tasks.explain(case.net(), endpoints, baseline=starts, tolerance=tolerance)
    size = np.abs(right).sum(axis=1)
    rounding = np.finfo(np.float32).eps * np.maximum(np.abs(found.output), np.abs(found.baseline_output))
    told = size > TOLD * rounding
    done = told & (found.status == "converged")
    errors = np.abs(np.asarray(found.attributions) - right).sum(axis=1)[done] / size[done]
    return Tally(int(told.sum()), errors, found.evaluations.astype(np.float64))


def _line(name: str, start: str, found: list[Tally]) -> list[str]:
    errors = np.concatenate([each.errors for each in found])
    spent = np.concatenate([each.evaluations for each in found])
    over = [str(int((errors > bound).sum())) for bound in (0.01, 0.02)]
    rows = f"{errors.size:,} of {sum(each.rows for each in found):,}"
    return [name, start, rows, *over, f"{100 * errors.max():.2g} %", f"{np.median(spent):,.0f}", f"{spent.mean():,.0f}"]


def _lines(seeds: int, rows: int) -> Iterator[list[str]]:
    every: list[Tally] = []
    for name, start in itertools.product(TRANSFORMS, BASELINES):
        chosen = [case for case in cases(seeds) if (case.transform, case.baseline) == (name, start)]
        found = [tally(case, rows) for case in chosen]
        every += found
        yield _line(name, start, found)
    yield _line("all", "", every)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", type=int, default=60)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    counted = ["called converged at 1 %", "over 1 %", "over 2 %", "worst"]
    header = ["transform", "baseline", *counted, "evaluations, median", "mean"]
    print(markdown(header, list(_lines(given.seeds, given.rows))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
