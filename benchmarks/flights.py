"""The dense part of the flights models: what every library can be given alike.

The models take numbers in raw units and ids of categories. A library that explains float tensors alone could not be
compared on those, so the numbers standardised and the vectors of the embeddings are concatenated, (rows, 67), and the
dense layers behind them are the model. The baseline is zero: the mean flight, with no category.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from benchmarks.contest import log
from benchmarks.places import DATA, KEPT, PACKAGES
from benchmarks.reference import DenseNet

__all__ = ["flights"]


def flights(package: str, rows: int) -> tuple[DenseNet, npt.NDArray[np.float32]]:
    """A package's dense layers, and `rows` flights of October to December as they reach them, (rows, 67) float32.

    The package is one that ships, or one of TRAINED, which is trained when it is asked for first.
    """
    folder = _trained(package) if package in TRAINED else PACKAGES / package
    config = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    weights = _torch_weights(folder) if config["framework"] == "torch" else _keras_weights(folder)
    depth = sum(name.startswith("hidden_") and name.endswith(".weight") for name in weights)
    names = [*(f"hidden_{number}" for number in range(depth)), "output"]
    layers = [(weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in names]
    return DenseNet.of(layers, _activation(config)), _inputs(folder, weights, rows)


def _activation(config: dict[str, Any]) -> str:
    # A .keras file says it deep inside; the card of every package names it.
    return str(config["card"]["name"].rpartition("(")[2].split(", ")[1].split()[0])


def _torch_weights(folder: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors.numpy import load_file

    found: dict[str, npt.NDArray[Any]] = load_file(folder / "weights.safetensors")
    return found


def _keras_weights(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Under the names, and in the layout, of the torch package."""
    import keras

    model = keras.saving.load_model(folder / "model.keras", compile=False)
    found: dict[str, npt.NDArray[Any]] = {}
    for layer in model.layers:
        arrays = [np.asarray(array) for array in layer.get_weights()]
        if isinstance(layer, keras.layers.Dense):
            found |= {f"{layer.name}.weight": arrays[0].T, f"{layer.name}.bias": arrays[1]}
        elif isinstance(layer, keras.layers.Embedding):
            found[f"{layer.name}.weight"] = arrays[0]
        elif isinstance(layer, keras.layers.Normalization):
            config = layer.get_config()
            found |= {"mean": np.asarray(config["mean"]), "std": np.sqrt(np.asarray(config["variance"]))}
    return found


def _inputs(folder: Path, weights: dict[str, npt.NDArray[Any]], rows: int) -> npt.NDArray[np.float32]:
    from include.models.flights_data import TEST, arrays, read, scorable

    frame = read(DATA, TEST)
    frame = frame[scorable(frame)].sample(rows, random_state=0)
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    encoded = arrays(frame, vocabulary)
    numbers = (encoded["numeric"] - weights["mean"].reshape(-1)) / weights["std"].reshape(-1)
    vectors = [weights[f"embed_{name}.weight"][encoded[name]] for name in vocabulary]
    return np.ascontiguousarray(np.concatenate([numbers, *vectors], axis=1), dtype=np.float32)


TRAINED = {"flights_relu_512_256_128": (512, 256, 128), "flights_relu_64_64_64_64": (64, 64, 64, 64)}
"""{name: hidden layers} of the ReLU networks that do not ship."""


def _trained(name: str) -> Path:
    """The folder of a package as include/models/train_flights.py writes it: three epochs, seed 0."""
    to = KEPT / "models" / name
    if not (to / "model.yaml").exists():
        from include.models.train_flights import train
        from include.models.training import Flights, Recipe

        log(f"  training {name} (once)")
        train(Recipe(name, "torch", TRAINED[name], "relu"), Flights.load(DATA), to)
    return to
