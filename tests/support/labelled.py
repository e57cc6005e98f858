"""A project whose model is a weighted sum of numbers and one effect per kind; outcomes are drawn from a truth.

What the model loses without a feature, and how well each orders outcomes, are closed forms of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.special import expit

from support.tiny import write_data

__all__ = ["EFFECTS", "drawn_rows", "logits", "write_labelled", "write_model"]

EFFECTS = {"red": 0.8, "green": 0.0, "blue": -0.8}

_TORCH = '''\
import torch


class Sum(torch.nn.Module):
    """weights . numeric + effect of the kind."""

    def __init__(self, numbers, outputs):
        super().__init__()
        self.embed_kind = torch.nn.Embedding(4, 1)
        self.weights = torch.nn.Linear(numbers, outputs)

    def forward(self, numeric, kind):
        return self.weights(numeric) + self.embed_kind(kind)


def build(numbers, outputs=1):
    return Sum(numbers, outputs)
'''


def write_model(
    folder: Path,
    weights: Mapping[str, float | Sequence[float]],
    *,
    framework: str = "torch",
    targets: Mapping[str, Any] | None = None,
    effects: Mapping[str, float] = EFFECTS,
) -> Path:
    """A package whose logit is the sum of weight x number and the kind's effect; lists of weights make columns."""
    folder.mkdir(parents=True, exist_ok=True)
    matrix = np.array([np.atleast_1d(weight) for weight in weights.values()], np.float32)
    table = np.array([[0.0], *([effect] for effect in effects.values())], np.float32)
    document: dict[str, Any] = {
        "framework": framework,
        "inputs": {
            "numeric": {"columns": list(weights)},
            "kind": {"columns": ["kind"], "vocabulary": list(effects), "offset": 1, "layer": "embed_kind"},
        },
        "targets": dict(targets or {"late": {"space": "logit"}}),
    }
    if framework == "torch":
        from safetensors.numpy import save_file

        bias = np.zeros(matrix.shape[1], np.float32)
        held = {"embed_kind.weight": table, "weights.weight": np.ascontiguousarray(matrix.T), "weights.bias": bias}
        save_file(held, folder / "weights.safetensors")
        (folder / "model.py").write_text(_TORCH)
        arguments = {"numbers": len(matrix), "outputs": matrix.shape[1]}
        document |= {"factory": "model:build", "arguments": arguments, "weights": "weights.safetensors"}
    else:
        import keras

        inputs = {
            "numeric": keras.Input((len(matrix),), name="numeric"),
            "kind": keras.Input((), name="kind", dtype="int64"),
        }
        embed = keras.layers.Embedding(4, 1, name="embed_kind")
        summed = keras.layers.Dense(matrix.shape[1], name="weights")
        model = keras.Model(inputs, keras.layers.Add()([summed(inputs["numeric"]), embed(inputs["kind"])]))
        embed.set_weights([table])
        summed.set_weights([matrix, np.zeros(matrix.shape[1], np.float32)])
        model.save(folder / "model.keras")
        document["weights"] = "model.keras"
    (folder / "model.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def drawn_rows(seed: int, truth: Mapping[str, float], *, rows: int = 600, days: int = 20) -> pd.DataFrame:
    """Independent numbers and kinds, and an outcome `late` of the logit sum of truth x number + effect of the kind."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({name: random.normal(size=rows).astype(np.float32) for name in truth})
    frame["kind"] = random.choice(list(EFFECTS), rows)
    frame["day"] = [f"day-{number:02d}" for number in random.integers(0, days, rows)]
    frame["id"] = [f"{seed}-{row:05d}" for row in range(rows)]
    frame["late"] = (random.random(rows) < expit(logits(frame, truth))).astype(int)
    return frame


def logits(frame: pd.DataFrame, weights: Mapping[str, float], effects: Mapping[str, float] = EFFECTS) -> np.ndarray:
    """The model's own output (rows,), in float64."""
    total = frame["kind"].map(effects).to_numpy(np.float64)
    for name, weight in weights.items():
        total = total + weight * frame[name].to_numpy(np.float64)
    return total


def write_labelled(
    root: Path, frame: pd.DataFrame, weights: Mapping[str, Any], *, framework: str = "torch", **changes: Any
) -> Path:
    """include/models/sum, data/ and include/specs/sum.yaml below `root`; returns the spec's path.

    `changes` are keys of the spec, replaced; `targets` and `effects` go to the model.
    """
    own = {key: changes.pop(key) for key in ("targets", "effects") if key in changes}
    write_model(root / "include" / "models" / "sum", weights, framework=framework, **own)
    write_data(root / "data", {"2013-01": frame})
    data = {"uri": "../../data", "partition": "month", "id": "id", "label": "late", "cluster": "day"}
    spec: dict[str, Any] = {
        "version": 1,
        "name": "sum",
        "model": "../models/sum",
        "data": {**data, **changes.pop("data", {})},
        "baseline": "median",
        "compute": {"workers": 0, "shard_rows": 200},
        "store": "../../runs",
    }
    path = root / "include" / "specs" / "sum.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**spec, **changes}, sort_keys=False))
    return path
