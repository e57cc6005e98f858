"""Train the architecture in Keras and write its `.keras` file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras  # noqa: TID253 - imported by train_flights.py when it trains a Keras model
import numpy as np

from include.models import architecture_keras
from include.models.training import EPOCHS, SPREAD, Flights, Recipe


def train(recipe: Recipe, flights: Flights, to: Path, log: Callable[[str], None]) -> dict[str, Any]:
    """Train, write into `to`, return the framework's part of model.yaml."""
    keras.utils.set_random_seed(recipe.seed)
    model = architecture_keras.build(flights.mean, flights.std, flights.sizes, recipe.hidden, recipe.activation, SPREAD)
    model.compile(keras.optimizers.Adam(), keras.losses.BinaryCrossentropy(from_logits=True))
    seen: list[float] = []
    for step, (inputs, label) in enumerate(flights.batches(recipe.seed)):
        model.optimizer.learning_rate.assign(flights.rate(step))
        seen.append(float(model.train_on_batch(inputs, label[:, None])))
        if (step + 1) % (flights.steps // EPOCHS) == 0:
            log(f"{(step + 1) / flights.steps:.0%}, loss {np.mean(seen[-100:]):.4f}")
    # Without the optimizer, the file holds what is needed to predict and nothing else.
    keras.Model(model.input, model.output, name=model.name).save(to / "model.keras")
    return {"framework": "tensorflow", "weights": "model.keras"}
