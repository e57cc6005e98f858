"""Hugging Face folders: integrated gradients of text through the embeddings, offline, padded or alone."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support import minilm

import ig_tasks
from ig_tasks.errors import InputError, ModelError
from ig_tasks.models import open_package

pytest.importorskip("transformers")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return minilm.write_classifier(tmp_path_factory.mktemp("hub") / "classifier")


@pytest.fixture(scope="module")
def tokens(classifier: Path) -> dict[str, np.ndarray]:
    """Ids and masks of sentences of different lengths, filled up."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(classifier)
    return {name: np.asarray(part) for name, part in tokenizer(minilm.SENTENCES, padding=True).items()}


def test_the_logits_are_those_of_transformers(classifier: Path, tokens: dict[str, np.ndarray]) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    theirs = AutoModelForSequenceClassification.from_pretrained(classifier)
    with torch.no_grad():
        logits = theirs(**{name: torch.as_tensor(part) for name, part in tokens.items()}).logits
    model = ig_tasks.load_model(classifier)
    np.testing.assert_allclose(model.predict(tokens), logits, rtol=1e-5, atol=1e-6)
    assert model.layers == {"input_ids": "bert.embeddings.word_embeddings"}


def test_tokens_sum_to_the_output_difference_and_padding_changes_nothing(
    classifier: Path, tokens: dict[str, np.ndarray]
) -> None:
    model = ig_tasks.load_model(classifier)

    def explained(rows: slice, length: int) -> Any:
        given = {name: part[rows, :length] for name, part in tokens.items()}
        ids = given.pop("input_ids")
        kept = np.isin(ids, [0, 101, 102])  # [PAD], [CLS] and [SEP] stay what they are
        return ig_tasks.explain(
            model, {"input_ids": ids}, fixed=given, baseline={"input_ids": np.where(kept, ids, 0)}, target=1
        )

    together = explained(slice(None), tokens["input_ids"].shape[1])
    parts = together.attributions["input_ids"]
    assert list(together.status) == ["converged"] * len(parts)
    difference = together.output - together.baseline_output
    assert (np.abs(parts.sum(axis=1) - difference) <= 0.01 * np.abs(parts).sum(axis=1)).all()
    assert np.abs(difference).max() > 0.1
    for row, mask in enumerate(tokens["attention_mask"]):
        length = int(mask.sum())
        alone = explained(slice(row, row + 1), length)
        scale = np.abs(parts[row]).sum()
        np.testing.assert_allclose(alone.attributions["input_ids"][0], parts[row, :length], atol=1e-5 * scale)
        assert parts[row, length:].tolist() == [0.0] * (parts.shape[1] - length)


def test_text_goes_in_as_a_table(classifier: Path) -> None:
    model = ig_tasks.load_model(classifier)
    table = pd.DataFrame({"text": minilm.SENTENCES[:2]})
    explanation = ig_tasks.explain(model, table, target=1, tolerance=0.05)
    difference = explanation.output - explanation.baseline_output
    parts = explanation.attributions["input_ids"]
    assert (np.abs(parts.sum(axis=1) - difference) <= 0.05 * np.abs(parts).sum(axis=1)).all()


def test_a_package_around_the_folder(classifier: Path, tmp_path: Path) -> None:
    """model.yaml names the text's column and the target: what a spec needs."""
    folder = tmp_path / "package"
    folder.mkdir()
    shutil.copytree(classifier, folder / "hub")
    document = {
        "framework": "torch",
        "weights": "hub",
        "inputs": {
            "input_ids": {
                "columns": ["review"], "kind": "tokens", "tokenizer": "hub/tokenizer.json", "length": 16,
                "special": [101, 102], "layer": "bert.embeddings.word_embeddings",
            },
            "attention_mask": {"kind": "mask", "of": "input_ids"},
        },
        "targets": {"good": {"output": 1, "space": "logit"}},
    }  # fmt: skip
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    package = open_package(folder)
    assert (package.config.file_format, package.runs) == ("transformers", "nothing")
    table = pd.DataFrame({"review": minilm.SENTENCES[:2]})
    explanation = ig_tasks.explain(package.load(), table, target="good", tolerance=0.05)
    assert explanation.features == ("review",)
    assert list(explanation.status) == ["converged"] * 2


def test_a_wrong_input_is_found_before_it_is_ignored(classifier: Path, tokens: dict[str, np.ndarray]) -> None:
    model = ig_tasks.load_model(classifier)
    with pytest.raises(InputError, match="the model takes no 'attention_maks'; did you mean"):
        ig_tasks.explain(
            model, {"input_ids": tokens["input_ids"]}, fixed={"attention_maks": tokens["attention_mask"]}, target=1
        )


def test_an_encoder_without_a_head_says_what_is_missing() -> None:
    with pytest.raises(ModelError, match="holds BertModel, which has no head with logits; save one that ends in For"):
        ig_tasks.load_model(minilm.encoder())


def test_an_adapter_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="is an adapter of another model; merge it"):
        ig_tasks.load_model(tmp_path)


def test_nothing_is_asked_of_the_network(classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the network was asked")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert ig_tasks.load_model(classifier).framework == "torch"
