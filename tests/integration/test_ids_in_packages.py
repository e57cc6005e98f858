"""Packages whose models change their ids, or embed them twice: what `check` says, and what a run stores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support import tiny

from ig_tasks import cli, load_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("undrawn")

CODE = """\
import torch


class Codes(torch.nn.Module):
    def __init__(self, change):
        super().__init__()
        self.change = change
        self.words, self.weights = torch.nn.Embedding(30, 4), torch.nn.Embedding(30, 1)
        self.body = torch.nn.Linear(8, 1)

    def forward(self, ids):
        if self.change == "late":
            ids = torch.where(ids[:, :1] >= 30, ids.flip(1), ids)
        ids = torch.where(ids >= 30, 1, ids)
        found = self.body(torch.tanh(self.words(ids)).flatten(1))
        return found + self.weights(ids).sum(1).tanh() if self.change == "two" else found


def build(change):
    return Codes(change)
"""
ROWS, LATE = 300, np.arange(60, 300, 20)


def project(root: Path, change: str, layer: Any, baseline: str = "mode") -> Path:
    """A project whose rows at LATE alone have ids from 30 on in their first column."""
    from safetensors.torch import save_file

    spec = tiny.write_project(root, baseline={"strategy": baseline, "partition": "2013-01"})
    folder = root / "include" / "models" / "tiny"
    torch.manual_seed(3)
    sizes = {"words.weight": (30, 4), "weights.weight": (30, 1), "body.weight": (1, 8), "body.bias": (1,)}
    save_file({name: torch.randn(size) for name, size in sizes.items()}, folder / "weights.safetensors")
    (folder / "model.py").write_text(CODE)
    described = {
        **tiny.MODEL_YAML,
        "arguments": {"change": change},
        "inputs": {"ids": {"columns": ["first", "second"], "dtype": "int64", "layer": layer}},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(described, sort_keys=False))
    draw = np.random.default_rng(4)
    table = pd.DataFrame(draw.integers(2, 30, (ROWS, 2)), columns=["first", "second"])
    table.loc[LATE, "first"] = draw.integers(30, 60, LATE.size)
    table["id"], table["origin"] = [f"{row:06d}" for row in range(ROWS)], "EWR"
    tiny.write_data(root / "data", {"2013-01": table})
    shutil.rmtree(root / "data" / "month=2013-02", ignore_errors=True)
    return spec


def stored(root: Path) -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    """Attributions by row id, what was quarantined, and the report."""
    (folder,) = [path.parent for path in (root / "runs").rglob("report.json")]
    rows = pd.concat([pd.read_parquet(file) for file in sorted((folder / "attributions").glob("*.parquet"))])
    return (
        rows.set_index("row_id"),
        pd.read_parquet(folder / "quarantine.parquet"),
        json.loads((folder / "report.json").read_text()),
    )


def outputs(root: Path) -> pd.Series:
    """The model's own outputs by row id."""
    table = pd.read_parquet(root / "data" / "month=2013-01")
    loaded = load_model(str(root / "include" / "models" / "tiny"), trusted_root=root)
    return pd.Series(loaded.predict({"ids": table[["first", "second"]].to_numpy()}).reshape(-1), index=table["id"])


@pytest.mark.parametrize("baseline", ["mode", "auto"])
def test_stored_outputs_are_the_models_own_where_it_maps_rare_ids(tmp_path: Path, baseline: str) -> None:
    spec = project(tmp_path, "", "words", baseline)
    assert cli._run(["check", str(spec), "--partition", "2013-01"]) == 0
    assert cli._run(["run", str(spec), "--partition", "2013-01"]) == 0
    rows, quarantined, _ = stored(tmp_path)
    own = outputs(tmp_path)
    assert len(rows) == ROWS
    assert quarantined.empty
    np.testing.assert_allclose(rows["output"], own[rows.index], rtol=1e-5, atol=1e-6)
    sums = rows["attribution:first"] + rows["attribution:second"]
    np.testing.assert_allclose(sums, rows["output"] - rows["baseline_output"], atol=0.05)


def test_rows_whose_ids_are_rearranged_are_quarantined_by_name(tmp_path: Path) -> None:
    spec = project(tmp_path, "late", "words")
    assert cli._run(["run", str(spec), "--partition", "2013-01"]) == 0
    rows, quarantined, report = stored(tmp_path)
    assert sorted(quarantined["row_id"]) == [f"{row:06d}" for row in LATE]
    assert set(quarantined["reason"]) == {"the model rearranges or combines the ids of layer 'words'"}
    np.testing.assert_allclose(rows["output"], outputs(tmp_path)[rows.index], rtol=1e-5, atol=1e-6)
    assert report["data"]["rows_quarantined"] == LATE.size


def test_one_of_two_tables_ends_check_with_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = project(tmp_path, "two", "words")
    assert cli._run(["check", str(spec), "--partition", "2013-01"]) == 2
    assert "in model.yaml: inputs.ids.layer: [words, weights]" in capsys.readouterr().err
    spec = project(tmp_path, "two", ["words", "weights"], "auto")
    assert cli._run(["run", str(spec), "--partition", "2013-01"]) == 0
    rows, _, _ = stored(tmp_path)
    np.testing.assert_allclose(rows["output"], outputs(tmp_path)[rows.index], rtol=1e-5, atol=1e-6)
