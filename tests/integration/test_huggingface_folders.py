"""Hugging Face folders of every kind of head: images, sounds, tokens, pairs of texts, decoders; tiny and offline.

Weights are drawn anew: as the library makes them, a model is nearly the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import ig_tasks
from ig_tasks.errors import ModelError, TargetError

transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.slow

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
TEXT = {**SMALL, "vocab_size": 30, "max_position_embeddings": 16, "num_labels": 3}
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 30, "n_positions": 16, "num_labels": 3}
DRAW = np.random.default_rng(0)
IMAGES = DRAW.normal(size=(2, 3, 8, 8)).astype(np.float32)
SOUNDS = DRAW.normal(size=(2, 200)).astype(np.float32)
SPECTRA = DRAW.normal(size=(2, 16, 8)).astype(np.float32)
IDS = DRAW.integers(5, 30, size=(3, 6))
MASK = np.ones_like(IDS)
IDS[1, 4:], MASK[1, 4:] = 0, 0
SECOND = np.array([[0, 0, 0, 1, 1, 1]] * 3)
"""token_type_ids of a pair of texts"""


def saved(folder: Path, name: str, config: Any) -> tuple[Path, Any]:
    """A folder as `save_pretrained` writes it, and the model."""
    import torch

    torch.manual_seed(3)
    model = getattr(transformers, name)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder, model


def theirs(model: Any, inputs: Mapping[str, np.ndarray], name: str = "logits") -> np.ndarray:
    """What transformers itself says."""
    import torch

    with torch.no_grad():
        return np.asarray(model(**{key: torch.as_tensor(part) for key, part in inputs.items()})[name])


def complete(found: Any, output: np.ndarray) -> None:
    assert list(found.status) == ["converged"] * len(output)
    np.testing.assert_allclose(found.output, output, rtol=1e-5, atol=1e-5)
    parts = found.attributions if isinstance(found.attributions, dict) else {"": found.attributions}
    whole = sum(part.reshape(len(output), -1).sum(axis=1) for part in parts.values())
    size = sum(np.abs(part).reshape(len(output), -1).sum(axis=1) for part in parts.values())
    difference = found.output - found.baseline_output
    assert (np.abs(whole - difference) <= 0.01 * size).all()
    assert found.relative_delta.max() <= 0.01
    assert np.abs(difference).max() > 0.01, "a difference of nothing would prove nothing"


def wav2vec2() -> Any:
    return transformers.Wav2Vec2Config(
        **SMALL, conv_dim=[8, 8], conv_stride=[5, 2], conv_kernel=[10, 3], num_feat_extract_layers=2,
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, classifier_proj_size=8, num_labels=3,
    )  # fmt: skip


def spectrogram() -> Any:
    return transformers.ASTConfig(
        **SMALL, max_length=16, num_mel_bins=8, patch_size=4, frequency_stride=4, time_stride=4, num_labels=3
    )


NUMBERS: dict[str, tuple[Callable[[], Any], dict[str, np.ndarray]]] = {
    "ViTForImageClassification": (
        lambda: transformers.ViTConfig(**SMALL, image_size=8, patch_size=4, num_labels=3), {"pixel_values": IMAGES},
    ),
    "ResNetForImageClassification": (
        lambda: transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8], depths=[1], layer_type="basic", num_labels=3
        ),
        {"pixel_values": IMAGES},
    ),
    "ASTForAudioClassification": (spectrogram, {"input_values": SPECTRA}),
    "Wav2Vec2ForSequenceClassification": (wav2vec2, {"input_values": SOUNDS}),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_images_and_sounds(name: str, tmp_path: Path) -> None:
    config, inputs = NUMBERS[name]
    folder, own = saved(tmp_path / "hub", name, config())
    model = ig_tasks.load_model(folder)
    assert model.layers == {}
    complete(ig_tasks.explain(model, inputs, target=1), theirs(own, inputs)[:, 1])
    predicted = ig_tasks.explain(model, inputs, target="predicted")
    complete(predicted, theirs(own, inputs).max(axis=1))


def test_an_image_model_takes_an_array(tmp_path: Path) -> None:
    folder, own = saved(
        tmp_path / "hub",
        "ViTForImageClassification",
        transformers.ViTConfig(**SMALL, image_size=8, patch_size=4, num_labels=3),
    )
    given = IMAGES.astype(np.float64)  # as a notebook has them
    found = ig_tasks.explain(ig_tasks.load_model(folder), {"pixel_values": given}, target=1)
    complete(found, theirs(own, {"pixel_values": IMAGES})[:, 1])


@pytest.mark.parametrize("kind", ["image", "sound"])
def test_images_and_sounds_as_packages(kind: str, tmp_path: Path) -> None:
    """Pixels as the table holds them, in a grid; a sound from the package's own code, which may scale it."""
    if kind == "image":
        config = transformers.ViTConfig(**SMALL, image_size=8, patch_size=4, num_labels=3)
        folder, own = saved(tmp_path / "package" / "hub", "ViTForImageClassification", config)
        described: dict[str, Any] = {
            "kind": "image",
            "shape": [3, 8, 8],
            "channels": "first",
            "scale": 0.5,
            "grid": [2, 2],
        }
        name, rows, given = "pixel_values", pd.DataFrame({"cell": [image.tolist() for image in IMAGES]}), 0.5 * IMAGES
    else:
        folder, own = saved(tmp_path / "package" / "hub", "Wav2Vec2ForSequenceClassification", wav2vec2())
        described = {"kind": "array", "shape": [200]}
        name, rows, given = "input_values", pd.DataFrame({"cell": [sound.tolist() for sound in SOUNDS]}), 0.5 * SOUNDS
        (folder.parent / "prepare.py").write_text(
            "import numpy as np\n\n\ndef encode(frame):\n"
            "    return {'input_values': 0.5 * np.array(frame['cell'].tolist(), 'float32')}\n"
        )
    document = {
        "framework": "torch",
        "weights": "hub",
        "inputs": {name: {"columns": ["cell"], **described}},
        "targets": {"second": {"output": 1, "space": "logit", "activation": "softmax"}},
        **({"preprocess": "prepare:encode"} if kind == "sound" else {}),
    }
    (folder.parent / "model.yaml").write_text(yaml.safe_dump(document))
    model = ig_tasks.load_model(folder.parent, trusted_root=folder.parent)
    found = ig_tasks.explain(model, rows)
    complete(found, theirs(own, {name: given})[:, 1])
    assert len(found.features) == (4 if kind == "image" else 1)
    difference = found.output - found.baseline_output
    size = np.abs(found.attributions[name]).reshape(2, -1).sum(axis=1)
    assert (np.abs(found.matrix.sum(axis=1) - difference) <= 0.01 * size).all()


TEXTS: dict[str, tuple[Callable[[], Any], str, tuple[str, ...]]] = {
    "BertForSequenceClassification": (
        lambda: transformers.BertConfig(**TEXT),
        "bert.embeddings.word_embeddings",
        ("attention_mask", "token_type_ids"),
    ),
    "DistilBertForSequenceClassification": (
        lambda: transformers.DistilBertConfig(
            dim=16, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=30, num_labels=3, max_position_embeddings=16
        ),
        "distilbert.embeddings.word_embeddings",
        ("attention_mask",),
    ),
    "GPT2ForSequenceClassification": (
        lambda: transformers.GPT2Config(**GPT2, pad_token_id=0),
        "transformer.wte",
        ("attention_mask",),
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_and_pairs_of_texts(name: str, tmp_path: Path) -> None:
    config, layer, others = TEXTS[name]
    folder, own = saved(tmp_path / "hub", name, config())
    model = ig_tasks.load_model(folder)
    assert model.layers == {"input_ids": layer}
    fixed = {key: {"attention_mask": MASK, "token_type_ids": SECOND}[key] for key in others}
    found = ig_tasks.explain(model, {"input_ids": IDS}, fixed=fixed, target=1)
    complete(found, theirs(own, {"input_ids": IDS, **fixed})[:, 1])
    parts = found.attributions["input_ids"]
    assert parts.shape == IDS.shape
    assert parts[1, 4:].tolist() == [0.0, 0.0]
    if "token_type_ids" in others:
        without = ig_tasks.explain(model, {"input_ids": IDS}, fixed={"attention_mask": MASK}, target=1)
        assert np.abs(without.output - found.output).max() > 1e-3, "the second text's types went unused"


def test_a_pair_of_texts_as_a_package(tmp_path: Path) -> None:
    """Ids, mask and types from the package's own code; what is passed on as it is has no feature."""
    folder, own = saved(tmp_path / "package" / "hub", "BertForSequenceClassification", transformers.BertConfig(**TEXT))
    package = folder.parent
    (package / "prepare.py").write_text(
        "import numpy as np\n\n\n"
        "def encode(frame):\n"
        "    ids = np.array([[2, len(a), len(b), 3] for a, b in zip(frame['question'], frame['answer'])])\n"
        "    return {'input_ids': ids, 'attention_mask': ids * 0 + 1, 'token_type_ids': ids * 0 + [0, 0, 1, 1]}\n"
    )
    document = {
        "framework": "torch",
        "weights": "hub",
        "preprocess": "prepare:encode",
        "inputs": {
            "input_ids": {
                "columns": ["question", "answer"], "kind": "array", "shape": [4], "dtype": "int64",
                "layer": "bert.embeddings.word_embeddings", "features": ["start", "question", "answer", "end"],
            },
            "attention_mask": {"columns": ["question"], "kind": "mask", "shape": [4]},
            "token_type_ids": {"columns": ["question"], "kind": "mask", "shape": [4]},
        },
        "targets": {"same": {"output": 1, "space": "logit", "activation": "softmax"}},
    }  # fmt: skip
    (package / "model.yaml").write_text(yaml.safe_dump(document))
    rows = pd.DataFrame({"question": ["is it so", "why", "how much"], "answer": ["yes", "because of it", "a lot"]})
    model = ig_tasks.load_model(package, trusted_root=package)
    found = ig_tasks.explain(model, rows)
    ids = np.array([[2, len(a), len(b), 3] for a, b in zip(rows["question"], rows["answer"], strict=True)])
    own_inputs = {"input_ids": ids, "attention_mask": ids * 0 + 1, "token_type_ids": ids * 0 + [0, 0, 1, 1]}
    complete(found, theirs(own, own_inputs)[:, 1])
    assert found.features == ("start", "question", "answer", "end")


class TestPositions:
    """Heads with an output a position."""

    @pytest.fixture
    def tagger(self, tmp_path: Path) -> tuple[Path, Any]:
        return saved(tmp_path / "package" / "hub", "BertForTokenClassification", transformers.BertConfig(**TEXT))

    def test_a_position_is_chosen_in_a_notebook(self, tagger: tuple[Path, Any]) -> None:
        folder, own = tagger
        found = ig_tasks.explain(
            ig_tasks.load_model(folder),
            {"input_ids": IDS},
            fixed={"attention_mask": MASK},
            target={"position": 2, "column": 1},
        )
        complete(found, theirs(own, {"input_ids": IDS, "attention_mask": MASK})[:, 2, 1])

    def test_a_position_is_chosen_in_a_package(self, tagger: tuple[Path, Any]) -> None:
        folder, own = tagger
        document = {
            "framework": "torch",
            "weights": "hub",
            "inputs": {
                "input_ids": {
                    "columns": ["text"], "kind": "tokens", "vocabulary": ["a", "good", "film"], "offset": 5,
                    "unknown": 4, "length": 6, "layer": "bert.embeddings.word_embeddings",
                },
                "attention_mask": {"kind": "mask", "of": "input_ids"},
            },
            "targets": {
                "name": {"output": {"position": 1, "column": 2}, "space": "logit", "activation": "softmax"},
            },
        }  # fmt: skip
        (folder.parent / "model.yaml").write_text(yaml.safe_dump(document))
        model = ig_tasks.load_model(folder.parent)
        rows = pd.DataFrame({"text": ["A good film", "good good film or not"]})
        ids = np.array([[5, 6, 7, 0, 0, 0], [6, 6, 7, 4, 4, 0]])
        logits = theirs(own, {"input_ids": ids, "attention_mask": (ids > 0) * 1})[:, 1]
        complete(ig_tasks.explain(model, rows), logits[:, 2])
        share = np.exp(logits)[:, 2] / np.exp(logits).sum(axis=1)
        complete(ig_tasks.explain(model, rows, space="probability"), share)

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ({"place": 2}, "target.place: no such key; keys: head, position, column"),
            ({"position": "two"}, "target.position: "),
            ({"position": 9, "column": 1}, "position 9 is not there; the output has 6 positions"),
            ({"column": 1}, r"has shape \(\d, 6, 3\); choose a position, \(rows, positions, columns\)"),
            (1, r"target: the output has shape \(rows, 6, 3\); give one number per axis, target=\(0, 0\)"),
        ],
        ids=str,
    )
    def test_what_is_no_position(self, tagger: tuple[Path, Any], target: Any, message: str) -> None:
        with pytest.raises(TargetError, match=message) as raised:
            ig_tasks.explain(ig_tasks.load_model(tagger[0]), {"input_ids": IDS}, target=target)
        assert "\n" not in str(raised.value)

    def test_starts_and_ends_of_answers_have_names(self, tmp_path: Path) -> None:
        config = transformers.BertConfig(**{**TEXT, "num_labels": 2})
        folder, own = saved(tmp_path / "hub", "BertForQuestionAnswering", config)
        model = ig_tasks.load_model(folder)
        assert list(model.package.config.targets) == ["start_logits", "end_logits"]
        found = ig_tasks.explain(model, {"input_ids": IDS}, target={"head": "end_logits", "column": 3})
        complete(found, theirs(own, {"input_ids": IDS}, "end_logits")[:, 3])
        with pytest.raises(TargetError, match="has several targets, choose one; targets: start_logits, end_logits"):
            ig_tasks.explain(model, {"input_ids": IDS})

    def test_the_next_word(self, tmp_path: Path) -> None:
        folder, own = saved(tmp_path / "hub", "GPT2LMHeadModel", transformers.GPT2Config(**GPT2))
        found = ig_tasks.explain(
            ig_tasks.load_model(folder), {"input_ids": IDS}, target={"position": -1, "column": 7}, tolerance=1e-3
        )
        complete(found, theirs(own, {"input_ids": IDS})[:, -1, 7])


def bert_choices() -> tuple[str, Any]:
    return "BertForMultipleChoice", transformers.BertConfig(**TEXT)


def both_sides() -> tuple[str, Any]:
    return "T5ForSequenceClassification", transformers.T5Config(
        vocab_size=30, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, eos_token_id=1, decoder_start_token_id=0
    )


def encoder_alone() -> tuple[str, Any]:
    return "ViTModel", transformers.ViTConfig(**SMALL, image_size=8, patch_size=4)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            bert_choices,
            "takes the choices of a row for rows of their own, .*; bring a package whose factory scores",
        ),
        (both_sides, "reads its text twice, in an encoder and in a decoder, .*; bring an encoder or a decoder with a"),
        (encoder_alone, "holds ViTModel, which has no head with logits; save one that ends in For"),
    ],
)
def test_refused_in_one_line(made: Callable[[], tuple[str, Any]], message: str, tmp_path: Path) -> None:
    folder, _ = saved(tmp_path / "hub", *made())
    with pytest.raises(ModelError, match=message) as raised:
        ig_tasks.load_model(folder)
    assert "\n" not in str(raised.value)


def test_a_decoder_without_a_padding_token_says_what_to_set(tmp_path: Path) -> None:
    folder, _ = saved(tmp_path / "hub", "GPT2ForSequenceClassification", transformers.GPT2Config(**GPT2))
    with pytest.raises(ModelError, match=r"config.json names no pad_token_id, and GPT2ForSequence.*; set"):
        ig_tasks.explain(ig_tasks.load_model(folder), {"input_ids": IDS}, target=1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": 0}))
    found = ig_tasks.explain(ig_tasks.load_model(folder), {"input_ids": IDS}, target=1)
    assert list(found.status) == ["converged"] * len(IDS)
