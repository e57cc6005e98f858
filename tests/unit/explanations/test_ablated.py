"""The model's output with one feature at the baseline: columns of one input of ids, and elements of an array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import save_file

from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.models import open_package
from ig_tasks.spec import AttributionSpec, BaselineSpec

CODE = """
import torch

class Rated(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(4, 1)
        self.weights = torch.nn.Linear(2, 1, bias=False)

    def forward(self, words, numbers):
        rated = self.table(words)[..., 0]
        return (rated * torch.tensor([1.0, 10.0])).sum(1, keepdim=True) + self.weights(numbers)

def build():
    return Rated()
"""
RATES = np.array([0.0, -1.0, 0.5, 2.0], np.float32)


@pytest.fixture
def loaded(tmp_path: Path):
    (tmp_path / "model.py").write_text(CODE)
    save_file(
        {"table.weight": RATES[:, None], "weights.weight": np.array([[3.0, -2.0]], np.float32)},
        tmp_path / "w.safetensors",
    )
    words = {"columns": ["one", "two"], "dtype": "int64", "layer": "table"}
    document = {
        "framework": "torch", "factory": "model:build", "weights": "w.safetensors", "targets": {"score": {}},
        "inputs": {"words": words, "numbers": {"columns": ["x", "y"]}},
    }  # fmt: skip
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(document))
    return open_package(str(tmp_path), trusted_root=str(tmp_path)).load()


@pytest.mark.parametrize("looked_up", [1 << 20, 40])
def test_each_column_of_ids_goes_to_its_own_mean_and_the_others_stay(loaded, monkeypatch, looked_up: int) -> None:
    from ig_tasks.baselines import replacing

    monkeypatch.setattr(replacing, "_LOOKED_UP", looked_up)  # few at once: in blocks
    random = np.random.default_rng(0)
    frame = pd.DataFrame({name: random.choice([1, 2, 3], 60, p=[0.6, 0.3, 0.1]) for name in ("one", "two")})
    frame["x"], frame["y"] = random.normal(size=(2, 60)).astype(np.float32)
    encoded = loaded.package.encode(frame)
    inputs = loaded.package.config.inputs
    baseline = fit_baseline(BaselineSpec(strategy="auto"), BaselineCounts.of(inputs, encoded.inputs), inputs)
    prepared = PreparedModel.of(loaded, None, None, baseline)
    found = list(prepared.ablated(encoded.inputs, AttributionSpec(), memory_limit=1 << 26))
    rated = {name: RATES[frame[name]].astype(float) for name in ("one", "two")}
    own = rated["one"] + 10 * rated["two"] + 3 * frame["x"] - 2 * frame["y"]
    moved = {
        "one": rated["one"] - rated["one"].mean(),
        "two": 10 * (rated["two"] - rated["two"].mean()),
        "x": 3 * (frame["x"] - baseline.numbers["x"]),
        "y": -2 * (frame["y"] - baseline.numbers["y"]),
    }
    for (outputs,), feature in zip(found, loaded.package.features, strict=True):
        np.testing.assert_allclose(outputs, own - moved[feature.name], atol=1e-5)
