"""Tiny model packages in both frameworks: two numbers and one category into one logit.

The weights are powers of two, so that the logit is exact in float32:
logit = temp - 2 wind + 0.5 first + 4 second, with (first, second) the embedding of the carrier.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

EMBEDDING = np.array([[0, 0], [1, 2], [4, 8]], dtype=np.float32)
WEIGHT = np.array([1, -2, 0.5, 4], dtype=np.float32)

CONFIG: dict[str, Any] = {
    "weights": "weights.safetensors",
    "inputs": {
        "numeric": {"columns": ["temp", "wind"]},
        "carrier": {
            "columns": "carrier",
            "vocabulary": "vocabulary.json",
            "offset": 1,
            "unknown": 0,
            "layer": "embed_carrier",
        },
    },
    "targets": {"late": {"output": 0, "space": "logit"}},
    "card": {"name": "Tiny", "version": 1.5, "owner": "tests", "intended_use": "tests", "test": {"auc": 0.5}},
}

CODE = textwrap.dedent(
    """
    import torch
    from torch import nn

    class Tiny(nn.Module):
        def __init__(self, categories):
            super().__init__()
            self.embed_carrier = nn.Embedding(categories, 2)
            self.output = nn.Linear(4, 1, bias=False)
            self.register_buffer("shift", torch.zeros(2))

        def forward(self, numeric, carrier):
            return self.output(torch.cat([numeric - self.shift, self.embed_carrier(carrier)], dim=1))

    def build(categories):
        return Tiny(categories)
    """
)


@pytest.fixture
def torch_package(tmp_path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    root = tmp_path / "tiny_torch"
    root.mkdir()
    weights = {
        "embed_carrier.weight": torch.tensor(EMBEDDING),
        "output.weight": torch.tensor(WEIGHT[None]),
        "shift": torch.zeros(2),
    }
    save_file(weights, root / "weights.safetensors")
    (root / "model.py").write_text(CODE)
    (root / "vocabulary.json").write_text(json.dumps({"carrier": ["AA", "UA"]}))
    config = {"framework": "torch", "factory": "model:build", "arguments": {"categories": 3}, **CONFIG}
    (root / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return root


@pytest.fixture
def keras_package(tmp_path: Path) -> Path:
    import keras

    root = tmp_path / "tiny_keras"
    root.mkdir()
    inputs = {
        "numeric": keras.Input((2,), name="numeric"),
        "carrier": keras.Input((), name="carrier", dtype="int64"),
    }
    embed, output = (
        keras.layers.Embedding(3, 2, name="embed_carrier"),
        keras.layers.Dense(1, use_bias=False, name="output"),
    )
    joined = keras.layers.Concatenate(name="joined")([inputs["numeric"], embed(inputs["carrier"])])
    model = keras.Model(inputs, output(joined))
    embed.set_weights([EMBEDDING])
    output.set_weights([WEIGHT[:, None]])
    model.save(root / "model.keras")
    (root / "vocabulary.json").write_text(json.dumps(["AA", "UA"]))
    config = {"framework": "tensorflow", **CONFIG, "weights": "model.keras"}
    (root / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return root


@pytest.fixture(params=["torch", "keras"])
def package_root(request: pytest.FixtureRequest) -> Path:
    """The same model, once in each framework."""
    root: Path = request.getfixturevalue(f"{request.param}_package")
    return root


@pytest.fixture
def rewrite() -> Callable[..., None]:
    """rewrite(root, **fields): change fields of model.yaml; None removes one, a dotted path reaches inside."""

    def change(root: Path, fields: dict[str, Any]) -> None:
        path = root / "model.yaml"
        data = yaml.safe_load(path.read_text())
        for dotted, value in fields.items():
            *parents, last = dotted.split(".")
            at = data
            for parent in parents:
                at = at[parent]
            if value is None:
                del at[last]
            else:
                at[last] = value
        path.write_text(yaml.safe_dump(data, sort_keys=False))

    return change
