"""A model with its baseline in its own coordinates: texts in blocks, and what stays its own baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import ig_tasks
from ig_tasks import Strategy
from ig_tasks.baselines.counts import BaselineCounts
from ig_tasks.baselines.doctor import judge_baselines
from ig_tasks.baselines.fitting import fit_baseline
from ig_tasks.explanations import prepared_model
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.spec import AttributionSpec, BaselineSpec

CODE = '''\
import torch


class Reader(torch.nn.Module):
    """The masked mean of words' vectors and a number, through tanh."""

    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(7, 3)
        self.hidden = torch.nn.Linear(4, 6)
        self.out = torch.nn.Linear(6, 1)

    def forward(self, text, mask, price):
        weight = mask[..., None].to(price.dtype)
        mean = (self.words(text) * weight).sum(1) / weight.sum(1)
        return self.out(torch.tanh(self.hidden(torch.cat([mean, price], dim=1))))


def build():
    return Reader()
'''
YAML: dict[str, Any] = {
    "framework": "torch",
    "factory": "model:build",
    "weights": "weights.safetensors",
    "inputs": {
        "text": {
            "columns": ["review"],
            "kind": "tokens",
            "vocabulary": ["[sep]", "good", "bad", "soup", "[unk]"],
            "offset": 1,
            "unknown": 5,
            "padding": 0,
            "special": [1],
            "length": 5,
            "layer": "words",
        },
        "mask": {"kind": "mask", "of": "text"},
        "price": {"columns": ["price"]},
    },
    "targets": {"liked": {"space": "logit"}},
}
TEXTS = ["good soup [sep]", "bad bad bad soup [sep]", "soup", "good good [sep] bad"]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from safetensors.numpy import save_file

    folder: Path = tmp_path_factory.mktemp("project") / "reader"
    folder.mkdir()
    draw = np.random.default_rng(0)
    shapes = {
        "words.weight": (7, 3),
        "hidden.weight": (6, 4),
        "hidden.bias": (6,),
        "out.weight": (1, 6),
        "out.bias": (1,),
    }
    save_file({k: draw.normal(size=s).astype(np.float32) for k, s in shapes.items()}, folder / "weights.safetensors")
    (folder / "model.py").write_text(CODE)
    (folder / "model.yaml").write_text(yaml.safe_dump(YAML, sort_keys=False))
    return ig_tasks.load_model(folder, trusted_root=folder.parent)


@pytest.fixture
def table() -> pd.DataFrame:
    draw = np.random.default_rng(1)
    return pd.DataFrame({"review": TEXTS * 3, "price": draw.normal(size=12)})


def explained(loaded: Any, table: pd.DataFrame, asked: BaselineSpec) -> Any:
    encoded = loaded.package.encode(table)
    inputs = loaded.package.config.inputs
    baseline = fit_baseline(asked, BaselineCounts.of(inputs, encoded.inputs, asked), inputs)
    model = PreparedModel.of(loaded, None, None, baseline)
    return model.attribute(encoded.inputs, AttributionSpec(), memory_limit=1 << 26, fixed=encoded.fixed)


@pytest.mark.parametrize(
    "asked",
    [
        BaselineSpec(strategy="auto"),
        BaselineSpec(strategy="mean_embedding"),
        BaselineSpec(strategy="zero"),
        BaselineSpec(strategy="unknown"),
        BaselineSpec(strategy="samples", k=3),
        BaselineSpec(strategy="noise", k=2),
    ],
    ids=lambda asked: str(asked.strategy),
)
def test_texts_in_blocks_are_the_texts_together(
    loaded: Any, table: pd.DataFrame, asked: BaselineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = explained(loaded, table, asked)
    parts = whole.attributions
    gained = whole.output - whole.baseline_output
    size = sum(np.abs(part).sum(axis=1) for part in parts.values())
    assert (np.abs(sum(part.sum(axis=1) for part in parts.values()) - gained) <= 0.011 * size).all()
    ids = loaded.package.encode(table).inputs["text"]
    kept = np.isin(ids, [0, 1])
    assert np.abs(parts["text"][kept]).max() < 1e-6
    monkeypatch.setattr(prepared_model, "_BLOCK_BYTES", 700)
    some = explained(loaded, table, asked)
    for name in parts:
        np.testing.assert_allclose(some.attributions[name], parts[name], atol=1e-5)
    assert len(some) == 12


def test_a_notebook_treats_texts_alike(loaded: Any, table: pd.DataFrame) -> None:
    for strategy in ("zero", "auto", "mean_embedding"):
        found = ig_tasks.explain(loaded, table, baseline=strategy, reference=table)
        expected = explained(loaded, table, BaselineSpec(strategy=strategy))
        for name, part in expected.attributions.items():
            np.testing.assert_allclose(found.attributions[name], part, atol=1e-6)


def test_the_doctor_reads_texts(loaded: Any, table: pd.DataFrame) -> None:
    judged = judge_baselines(loaded, table, baselines=["auto", "mean", Strategy("samples", k=3)])
    assert judged.features == ("review", "price")
    assert judged.space == "logit"
    assert judged["auto"].identical_rows == 0
    same = pd.concat([table.iloc[[0]]] * 5)
    # One row five times over: the row sampled is the row itself.
    assert judge_baselines(loaded, same, baselines=[Strategy("samples", k=1)]).findings[0].identical_rows == 5
