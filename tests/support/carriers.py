"""A project whose model embeds one column of three carriers, and knows an id for all others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

MODEL_CODE = """\
from torch import nn


def network():
    return nn.Sequential(nn.Embedding(4, 3), nn.Tanh(), nn.Linear(3, 1))
"""


def write_carriers(
    root: Path, table: pa.Table, *, vocabulary: Sequence[Any] = ("AA", "DL", "UA"), column: str = "carrier", **spec: Any
) -> Path:
    """include/models/delay, data/part.parquet and include/specs/delay.yaml below `root`; returns the spec's path."""
    import torch
    from torch import nn

    package, data = root / "include" / "models" / "delay", root / "data"
    for folder in (package, root / "include" / "specs", data):
        folder.mkdir(parents=True, exist_ok=True)
    (package / "model.py").write_text(MODEL_CODE)
    known = {"columns": [column], "vocabulary": list(vocabulary), "offset": 1, "unknown": 0, "layer": "0"}
    card = {"name": "delay", "version": "1", "owner": "nobody", "intended_use": "test"}
    document = {
        "framework": "torch",
        "factory": "model:network",
        "weights": "weights.pt",
        "inputs": {"input": known},
        "targets": {"delay": {"space": "logit"}},
        "card": card,
    }
    (package / "model.yaml").write_text(yaml.safe_dump(document, allow_unicode=False))
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Embedding(4, 3), nn.Tanh(), nn.Linear(3, 1)).state_dict(), package / "weights.pt")
    pq.write_table(table, data / "part.parquet")
    path = root / "include" / "specs" / "delay.yaml"
    asked = {"version": 1, "name": "delay", "model": "../models/delay", "data": "../../data", "baseline": "zero"}
    asked["compute"] = {"workers": 0}
    path.write_text(yaml.safe_dump({**asked, **spec}, sort_keys=False))
    return path
