"""Rows that are called converged in small random nets of every operation with kinks, against thousands of midpoints.

    python -m benchmarks.kinks [--nets 3] [--rows 500]

Small nets are the hard ones: with 4 to 20 units per layer every unit matters, and one that turns off and on within a
cell is worth several per cent of a row. Prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch  # noqa: TID253 - its nets are torch's
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

import ig_tasks
from benchmarks.tables import markdown

__all__ = ["CHECK", "NETS", "NODES", "WIDTH", "Tally", "build", "drawn_rows", "midpoints", "report", "tallied", "tally"]

Floats = NDArray[np.float64]
WIDTH, NODES, CHECK, BLOCK = 8, 8000, 5000, 400
UNSURE = 0.1
"""A share of the tolerance: rows on which two midpoint sums differ by more are left out, as neither is a reference."""


class Do(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A function as a module."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: torch.Tensor) -> Any:
        return self.call(x)


class Residual(nn.Module):  # type: ignore[misc]
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: torch.Tensor) -> Any:
        return x + self.body(x)


def _pool(size: int = 2) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, -1)), nn.MaxPool1d(size), nn.Flatten())


def _halves(call: Callable[[Any, Any], Any]) -> nn.Module:
    return Do(lambda x: call(*x.chunk(2, dim=1)))


def _groups(count: int, size: int, call: Callable[[Any], Any]) -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (count, size)), Do(call))


def _over(size: int, *layers: nn.Module, narrow: int) -> nn.Sequential:
    """A linear layer of `size`, `layers` that leave `narrow`, a ReLU and one output."""
    return nn.Sequential(nn.Linear(WIDTH, size), *layers, nn.ReLU(), nn.Linear(narrow, 1))


def _deep(size: int, *layers: nn.Module, narrow: int) -> nn.Sequential:
    """The same with one more layer of eight behind."""
    tail = (nn.Linear(narrow, 8), nn.ReLU(), nn.Linear(8, 1))
    return nn.Sequential(nn.Linear(WIDTH, size), *layers, *tail)


def _convolutions(*pool: nn.Module, out: int) -> nn.Sequential:
    head = (nn.Unflatten(1, (1, WIDTH)), nn.Conv1d(1, 4, 3), *pool, nn.ReLU())
    return nn.Sequential(*head, nn.Conv1d(4, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(out, 1))


def _clamp(x: torch.Tensor) -> torch.Tensor:
    return x.clamp(-0.5, 0.5)


NETS: dict[str, Callable[[], nn.Module]] = {
    "max-pooling, ReLU": lambda: _over(8, _pool(), narrow=4),
    "max-pooling of 4, ReLU, ReLU": lambda: _deep(16, _pool(4), nn.ReLU(), narrow=4),
    "ReLU, max-pooling, ReLU": lambda: _over(12, nn.ReLU(), nn.Linear(12, 12), _pool(3), narrow=4),
    "convolutions, max-pooling": lambda: _convolutions(nn.MaxPool1d(2), out=8),
    "convolutions, overlapping pools": lambda: _convolutions(nn.MaxPool1d(3, stride=1, padding=1), out=20),
    "residual blocks, max-pooling": lambda: nn.Sequential(Residual(8), _pool(), Residual(4), nn.Linear(4, 1)),
    "adaptive max-pooling": lambda: _over(
        12, nn.Unflatten(1, (2, 6)), nn.AdaptiveMaxPool1d(2), nn.Flatten(), narrow=4
    ),
    "maxout": lambda: _over(12, _groups(4, 3, lambda x: x.max(dim=2).values), narrow=4),
    "amax and amin": lambda: _deep(12, _groups(4, 3, lambda x: x.amax(2) + 0.5 * x.amin(2)), nn.ReLU(), narrow=4),
    "maximum, minimum, abs": lambda: nn.Sequential(
        nn.Linear(8, 8), _halves(torch.minimum), nn.Linear(4, 8), _halves(lambda a, b: torch.maximum(a, b.abs())),
        nn.Linear(4, 1),
    ),
    "abs": lambda: _deep(8, Do(torch.abs), narrow=8),
    "clamp": lambda: nn.Sequential(nn.Linear(8, 8), Do(_clamp), nn.Linear(8, 8), Do(_clamp), nn.Linear(8, 1)),
    "soft shrinkage": lambda: _deep(8, nn.Softshrink(0.3), narrow=8),
    "PReLU, ReLU6": lambda: nn.Sequential(
        nn.Linear(8, 8), nn.PReLU(8), nn.Linear(8, 8), nn.ReLU6(), nn.Linear(8, 1)
    ),
    "sort": lambda: _over(6, Do(lambda x: x.sort(dim=1).values), narrow=6),
    "ReLU, sort, ReLU": lambda: _deep(
        6, nn.ReLU(), nn.Linear(6, 6), Do(lambda x: x.sort(dim=1).values), narrow=6
    ),
    "top 3": lambda: _over(6, Do(lambda x: x.topk(3, dim=1).values), narrow=3),
    "median": lambda: _over(10, _groups(2, 5, lambda x: x.median(dim=2).values), narrow=2),
    "GLU, ReLU": lambda: _deep(12, nn.GLU(), narrow=6),
    "ReLU, GLU": lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 12), nn.GLU(), nn.Linear(6, 1)),
    "product, ReLU": lambda: _deep(12, _halves(torch.mul), narrow=6),
    "ReLU, product, ReLU": lambda: _over(
        12, nn.ReLU(), nn.Linear(12, 8), _halves(torch.mul), nn.Linear(4, 4), narrow=4
    ),
    "product, max-pooling, ReLU": lambda: _over(16, _halves(torch.mul), _pool(), narrow=4),
    "where": lambda: _deep(8, Do(lambda x: torch.where(x > 0, x, 0.2 * x.exp() - 0.2)), narrow=8),
    "product with a mask": lambda: _deep(8, Do(lambda x: x * (x > 0)), narrow=8),
    "SiLU, max-pooling, ReLU": lambda: _over(8, nn.SiLU(), nn.Linear(8, 8), _pool(), narrow=4),
    "layer normalisation, ReLU": lambda: _deep(8, nn.LayerNorm(8), narrow=8),
    "ReLU, softmax": lambda: nn.Sequential(
        nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4), nn.Softmax(1), nn.Linear(4, 1)
    ),
    "pool, abs, clamp, sort, pool": lambda: nn.Sequential(
        nn.Linear(8, 16), _pool(), Do(torch.abs), nn.Linear(8, 8), Do(_clamp), Do(lambda x: x.sort(1).values),
        nn.Linear(8, 8), _pool(), nn.ReLU(), nn.Linear(4, 1),
    ),
    "ReLU, four layers of ten": lambda: nn.Sequential(
        nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """Rows whose truth is known, those of them that were called converged, and the true errors of these."""

    rows: int
    errors: Floats

    def over(self, tolerance: float) -> int:
        return int((self.errors > tolerance).sum())


def build(name: str, seed: int) -> nn.Module:
    """A random net, its weights half as large again as torch draws them: more kinks lie on the path."""
    torch.manual_seed(seed)
    net = NETS[name]().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(1.5)
    return net


def midpoints(net: nn.Module, inputs: NDArray[np.floating[Any]], nodes: int) -> Floats:
    """Integrated Gradients from zero by plain autograd in float64; `net` becomes double."""
    net, x = net.double(), torch.as_tensor(inputs, dtype=torch.float64)
    total = torch.zeros_like(x)
    for first in range(0, nodes, BLOCK):
        along = (torch.arange(first, min(nodes, first + BLOCK), dtype=torch.float64) + 0.5) / nodes
        points = (along[:, None, None] * x).flatten(0, 1).requires_grad_()
        total += torch.autograd.grad(net(points).sum(), points)[0].view(-1, *x.shape).sum(0)
    return np.asarray((x * total / nodes).numpy())


def tally(name: str, seed: int, rows: int, tolerance: float = 0.01, integrator: str = "auto") -> Tally:
    """What became of random rows of one net."""
    inputs, truth, check = _references(name, seed, rows)
    found = ig_tasks.explain(build(name, seed), inputs, tolerance=tolerance, integrator=integrator)
    return tallied(truth, check, found, tolerance)


@cache
def _references(name: str, seed: int, rows: int) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Rows, and their attributions by two numbers of midpoints: the same for whichever rule is judged."""
    inputs = drawn_rows(seed, rows)
    truth, check = (midpoints(build(name, seed), inputs, nodes) for nodes in (NODES, CHECK))
    return inputs, truth, check


def drawn_rows(seed: int, rows: int) -> NDArray[np.float32]:
    return 2 * np.random.default_rng(seed).normal(size=(rows, WIDTH)).astype(np.float32)


def tallied(truth: Floats, check: Floats, found: Any, tolerance: float = 0.01) -> Tally:
    """Rows of which two numbers of midpoints come out the same, and how far off those called converged are."""
    size = np.abs(truth).sum(axis=1)
    sure = (np.abs(truth - check).sum(axis=1) <= UNSURE * tolerance * size) & (size > 0.0)
    done = sure & (found.status == "converged")
    return Tally(int(sure.sum()), np.abs(np.asarray(found.attributions) - truth).sum(axis=1)[done] / size[done])


def _lines(
    names: Iterable[str], one: Callable[..., Tally], nets: int, rows: int, integrator: str
) -> Iterator[list[str]]:
    every: list[Tally] = []
    for name in names:
        found = [one(name, seed, rows, integrator=integrator) for seed in range(nets)]
        every += found
        yield _line(name, found)
    yield _line("all", every)


def _line(name: str, found: list[Tally]) -> list[str]:
    rows, errors = sum(each.rows for each in found), np.concatenate([each.errors for each in found])
    both = Tally(rows, errors)
    worst = f"{100 * errors.max(initial=0.0):.2g} %"
    return [name, f"{errors.size:,} of {rows:,}", str(both.over(0.01)), str(both.over(0.02)), worst]


def report(words: str, names: Iterable[str], one: Callable[..., Tally], arguments: list[str]) -> int:
    """The table of these nets, each tallied by `one`."""
    parser = argparse.ArgumentParser(description=words)
    add = partial(parser.add_argument, type=int)
    add("--nets", default=3)
    add("--rows", default=500)
    parser.add_argument("--integrator", default="auto")
    given = parser.parse_args(arguments)
    header = ["net", "called converged at 1 %", "over 1 %", "over 2 %", "worst"]
    print(markdown(header, list(_lines(names, one, given.nets, given.rows, given.integrator))))
    return 0


def main(arguments: list[str]) -> int:
    torch.set_num_threads(1)
    return report(__doc__.splitlines()[0], NETS, tally, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
