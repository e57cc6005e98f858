"""Train the architecture in torch and write the weights and the code of its package."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by train_flights.py when it trains a torch model
from safetensors.torch import save_file

from include.models import architecture_torch
from include.models.training import EPOCHS, SPREAD, Flights, Recipe


def train(recipe: Recipe, flights: Flights, to: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Train, write into `to`, return the framework's part of model.yaml."""
    torch.manual_seed(recipe.seed)
    # Batches this small gain nothing from a second thread; with one, the machine's cores do not matter to the weights.
    torch.set_num_threads(1)
    arguments: dict[str, Any] = {
        "numbers": len(flights.mean),
        "categories": {name: list(size) for name, size in flights.sizes.items()},
        "hidden": list(recipe.hidden),
        "activation": recipe.activation,
    }
    model = architecture_torch.build(**arguments)
    for name in flights.sizes:
        torch.nn.init.normal_(model.get_submodule(f"embed_{name}").weight, std=SPREAD)
    model.mean.copy_(torch.from_numpy(flights.mean))
    model.std.copy_(torch.from_numpy(flights.std))
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = torch.nn.BCEWithLogitsLoss()
    seen: list[float] = []
    for step, (inputs, label) in enumerate(flights.batches(recipe.seed)):
        optimizer.param_groups[0]["lr"] = flights.rate(step)
        logit = model(**{name: torch.from_numpy(array) for name, array in inputs.items()})[:, 0]
        loss = loss_of(logit, torch.from_numpy(label))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
        if (step + 1) % (flights.steps // EPOCHS) == 0:
            log(f"{(step + 1) / flights.steps:.0%}, loss {np.mean(seen[-100:]):.4f}")
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, to / "weights.safetensors")
    (to / "weights.safetensors").chmod(0o644)
    shutil.copyfile(architecture_torch.__file__, to / "model.py")
    return {
        "framework": "torch",
        "factory": "model:build",
        "arguments": arguments,
        "weights": "weights.safetensors",
    }
