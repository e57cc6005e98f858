"""A wide table: 1,000 correlated columns, a target of known structure, and networks trained on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.contest import log
from benchmarks.places import KEPT
from benchmarks.reference import DenseNet

__all__ = ["columns", "wide"]

COLUMNS = 1000
HIDDEN = (256, 128)
EPOCHS, BATCH, RATE = 5, 512, 1e-3
TRAINING_ROWS = 20_000


def columns(rows: int, seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Standard normal columns that share 20 factors, (rows, 1000), and the target (rows,).

    40 columns matter: 20 alone, 10 of them also in pairs, 10 through a sine, 10 only above zero.
    """
    structure, noise = np.random.default_rng(0), np.random.default_rng([1, seed])
    loadings = structure.normal(size=(20, COLUMNS)) / np.sqrt(20)
    x = np.sqrt(0.5) * (noise.normal(size=(rows, 20)) @ loadings + noise.normal(size=(rows, COLUMNS)))
    alone, sine, above = x[:, :20], x[:, 20:30], x[:, 30:40]
    y = alone @ structure.normal(size=20) / np.sqrt(20) + (x[:, 0:10:2] * x[:, 1:10:2]).sum(axis=1) / np.sqrt(5)
    y += np.sin(2.0 * sine).sum(axis=1) / np.sqrt(10) + np.maximum(above, 0.0).sum(axis=1) / np.sqrt(10)
    y += 0.1 * noise.normal(size=rows)
    return x.astype(np.float32), y.astype(np.float32)


def wide(activation: str, rows: int) -> tuple[DenseNet, npt.NDArray[np.float32]]:
    """A network trained on TRAINING_ROWS rows, and `rows` others. Trained when it is asked for first."""
    kept = KEPT / "models" / f"wide_{activation}.npz"
    if not kept.exists():
        log(f"  training wide_{activation} (once)")
        layers = _train(activation)
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(".fresh.npz")
        arrays: dict[str, Any] = {f"w_{at}": weight for at, (weight, _) in enumerate(layers)}
        arrays |= {f"b_{at}": bias for at, (_, bias) in enumerate(layers)}
        np.savez(fresh, **arrays)
        fresh.replace(kept)
    with np.load(kept) as saved:
        net = DenseNet.of([(saved[f"w_{at}"], saved[f"b_{at}"]) for at in range(len(HIDDEN) + 1)], activation)
    return net, columns(rows, seed=1)[0]


def _train(activation: str) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    import torch

    from benchmarks.dense_torch import ACTIVATIONS

    torch.manual_seed(0)
    widths = (COLUMNS, *HIDDEN)
    linear = [torch.nn.Linear(before, after) for before, after in zip(widths, (*HIDDEN, 1), strict=True)]
    steps = [module for layer in linear[:-1] for module in (layer, ACTIVATIONS[activation]())]
    model = torch.nn.Sequential(*steps, linear[-1])
    x, y = (torch.from_numpy(array) for array in columns(TRAINING_ROWS, seed=0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1)
    for _ in range(EPOCHS):
        for part in torch.randperm(len(x)).split(BATCH):
            loss = torch.nn.functional.mse_loss(model(x[part])[:, 0], y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        x, y = (torch.from_numpy(array) for array in columns(4000, seed=2))
        explained = 1.0 - float(torch.mean((model(x)[:, 0] - y) ** 2) / y.var())
    log(f"  wide_{activation} explains {explained:.0%} of the target's variance in other rows")
    return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear]
