"""A project as a user would have it, small: a torch model package, a data set of two months, a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

KINDS = ("red", "green", "blue")

MODEL_CODE = '''\
import torch


class Tiny(torch.nn.Module):
    """Two numbers and an embedded kind, through tanh, to one logit."""

    def __init__(self, width):
        super().__init__()
        self.embed_kind = torch.nn.Embedding(4, 2)
        self.hidden = torch.nn.Linear(4, width)
        self.out = torch.nn.Linear(width, 1)

    def forward(self, numeric, kind):
        joined = torch.cat([numeric, self.embed_kind(kind)], dim=1)
        return self.out(torch.tanh(self.hidden(joined)))


def build(width=8):
    return Tiny(width)
'''

MODEL_YAML: dict[str, Any] = {
    "framework": "torch",
    "factory": "model:build",
    "arguments": {"width": 8},
    "weights": "weights.safetensors",
    "inputs": {
        "numeric": {"columns": ["a", "b"]},
        "kind": {"columns": ["kind"], "vocabulary": list(KINDS), "offset": 1, "layer": "embed_kind"},
    },
    "targets": {"late": {"space": "logit"}},
    "card": {"name": "Tiny", "version": "1.2", "owner": "testers", "intended_use": "to be small", "test_auc": 0.5},
}


def write_package(folder: Path, **changes: Any) -> Path:
    """A torch package; `changes` replace keys of its model.yaml."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(7)
    shapes = {
        "embed_kind.weight": (4, 2),
        "hidden.weight": (8, 4),
        "hidden.bias": (8,),
        "out.weight": (1, 8),
        "out.bias": (1,),
    }
    weights = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "weights.safetensors")
    (folder / "model.py").write_text(MODEL_CODE)
    (folder / "model.yaml").write_text(yaml.safe_dump({**MODEL_YAML, **changes}, sort_keys=False))
    return folder


def table(rows: int, seed: int) -> pd.DataFrame:
    """Rows the tiny model can explain, with an id and a segment column."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{row:06d}" for row in range(rows)],
            "a": draw.normal(size=rows),
            "b": draw.normal(2.0, 3.0, size=rows),
            "kind": draw.choice(KINDS, size=rows, p=[0.6, 0.3, 0.1]),
            "origin": draw.choice(["EWR", "JFK"], size=rows),
        }
    )


def write_data(folder: Path, months: dict[str, pd.DataFrame]) -> Path:
    """A data set in partitions month=..."""
    for month, frame in months.items():
        (folder / f"month={month}").mkdir(parents=True, exist_ok=True)
        frame.to_parquet(folder / f"month={month}" / "part-0.parquet", index=False)
    return folder


def write_project(root: Path, *, rows: int = 300, **changes: Any) -> Path:
    """include/models/tiny, data/ and include/specs/tiny.yaml below `root`; returns the spec's path.

    `changes` are keys of the spec, replaced.
    """
    write_package(root / "include" / "models" / "tiny")
    months = {"2013-01": table(rows, 1), "2013-02": table(rows // 2, 2)}
    write_data(root / "data", months)
    spec: dict[str, Any] = {
        "version": 1,
        "name": "tiny",
        "owner": "testers",
        "model": "../models/tiny",
        "data": {"uri": "../../data", "partition": "month", "id": "id", "segments": ["origin"]},
        "baseline": {"strategy": "auto", "partition": "2013-01"},
        "compute": {"workers": 0, "shard_rows": 100},
        "store": "../../runs",
    }
    path = root / "include" / "specs" / "tiny.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({**spec, **changes}, sort_keys=False))
    return path
