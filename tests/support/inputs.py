"""Small model packages for every kind of input, in both frameworks, and tables that they can explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

__all__ = ["KINDS", "inputs_of", "table_of", "write_inputs_package", "write_inputs_project"]

WORDS = ("good", "bad", "film", "plot", "dull", "great")
COLOURS = ("red", "green", "blue")
TAGS = ("long", "short", "old", "new")

_TEXT = {
    "ids": {
        "kind": "tokens", "columns": "text", "vocabulary": list(WORDS), "offset": 2, "unknown": 1, "length": 6,
        "layer": "words",
    },
    "mask": {"kind": "mask", "of": "ids", "dtype": "float32"},
    "colour": {"columns": "colour", "vocabulary": list(COLOURS), "offset": 1, "unknown": 0, "layer": "colours"},
    "numeric": {"columns": ["a", "b"]},
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "bag": {
        "tags": {
            "kind": "bag", "columns": "tags", "vocabulary": list(TAGS), "offset": 1, "length": 4, "separator": "|",
            "layer": "embed_tags",
        },
        "tags_mask": {"kind": "mask", "of": "tags", "dtype": "float32"},
        "words": {"kind": "bag", "columns": "text", "vocabulary": list(WORDS), "separator": " ", "unknown": "zeros"},
        "colour": {"kind": "one_hot", "columns": "colour", "vocabulary": list(COLOURS)},
    },
    "series": {"series": {"kind": "series", "columns": ["x", "y"], "length": 12}},
    "image": {
        "image": {"kind": "image", "columns": "image", "shape": [8, 8, 1], "scale": 1 / 255, "grid": [2, 4]},
    },
    "made": {
        "made": {"kind": "array", "columns": ["a", "b"], "shape": [3], "features": ["a", "b", "both"]},
        "colour": {"columns": "colour", "vocabulary": list(COLOURS), "offset": 1, "unknown": 0, "layer": "colours"},
    },
}  # fmt: skip

_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "text": {"words": (8, 3), "colours": (4, 2), "hidden": (7, 8), "out": (8, 1)},
    "bag": {"embed_tags": (5, 3), "hidden": (12, 8), "out": (8, 1)},
    "series": {"hidden": (2, 8), "out": (8, 1)},
    "image": {"hidden": (16, 8), "out": (8, 1)},
    "made": {"colours": (4, 2), "hidden": (5, 8), "out": (8, 1)},
}

PREPARE = """\
import numpy as np


def encode(frame):
    a, b = frame["a"].to_numpy(), frame["b"].to_numpy()
    return {"made": np.stack([a, b, a * b], axis=1)}
"""

TORCH_CODE = """\
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, shapes):
        super().__init__()
        for name, (first, second) in shapes.items():
            layer = nn.Linear(first, second, bias=False) if name in ("hidden", "out") else nn.Embedding(first, second)
            setattr(self, name, layer)

    def end(self, joined):
        return self.out(torch.tanh(self.hidden(joined)))


class Text(Model):
    def forward(self, ids, mask, colour, numeric):
        pooled = (self.words(ids) * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return self.end(torch.cat([pooled, self.colours(colour), numeric], dim=1))


class Bag(Model):
    def forward(self, tags, tags_mask, words, colour):
        pooled = (self.embed_tags(tags) * tags_mask[:, :, None]).sum(1)
        return self.end(torch.cat([pooled, words[:, :6], colour], dim=1))


class Series(Model):
    def forward(self, series):
        return self.out(torch.tanh(self.hidden(series)).mean(1))


class Image(Model):
    def forward(self, image):
        grey = image[:, 0] if image.shape[1] == 1 else image[:, :, :, 0]
        patches = grey.unfold(1, 4, 4).unfold(2, 4, 4).reshape(len(grey), 4, 16)
        return self.out(torch.tanh(self.hidden(patches)).sum(1))


class Made(Model):
    def forward(self, made, colour):
        return self.end(torch.cat([made, self.colours(colour)], dim=1))


def build(kind, shapes):
    return {"text": Text, "bag": Bag, "series": Series, "image": Image, "made": Made}[kind](shapes)
"""


def inputs_of(kind: str, framework: str) -> dict[str, Any]:
    """The inputs of model.yaml; torch has an image's channels first, and Keras last."""
    if kind == "image" and framework == "torch":
        return {"image": {**KINDS["image"]["image"], "shape": [1, 8, 8], "channels": "first"}}
    return KINDS[kind]


def write_inputs_package(folder: Path, kind: str, framework: str) -> Path:
    """A package of the kind; torch and Keras have the same weights."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(11)
    weights = {name: draw.normal(0, 0.6, size=shape).astype(np.float32) for name, shape in _SHAPES[kind].items()}
    config: dict[str, Any] = {"framework": framework}
    if framework == "torch":
        from safetensors.numpy import save_file

        turned = {
            f"{name}.weight": np.ascontiguousarray(array.T) if name in ("hidden", "out") else array
            for name, array in weights.items()
        }
        save_file(turned, folder / "weights.safetensors")
        (folder / "model.py").write_text(TORCH_CODE)
        shapes = {name: list(shape) for name, shape in _SHAPES[kind].items()}
        config |= {"factory": "model:build", "arguments": {"kind": kind, "shapes": shapes}}
        config |= {"weights": "weights.safetensors"}
    else:
        _keras(kind, weights).save(folder / "model.keras")
        config |= {"weights": "model.keras"}
    if kind == "made":
        (folder / "prepare.py").write_text(PREPARE)
        config |= {"preprocess": "prepare:encode"}
    config |= {"inputs": inputs_of(kind, framework), "targets": {"liked": {"output": 0, "space": "logit"}}}
    (folder / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return folder


def _keras(kind: str, weights: dict[str, np.ndarray]) -> Any:
    import keras
    from keras import ops

    def embedding(name: str) -> Any:
        layer = keras.layers.Embedding(*weights[name].shape, name=name)
        layer.build((None,))
        layer.set_weights([weights[name]])
        return layer

    def dense(name: str, tensor: Any) -> Any:
        activation = "tanh" if name == "hidden" else None
        layer = keras.layers.Dense(weights[name].shape[1], use_bias=False, activation=activation, name=name)
        layer.build((None, weights[name].shape[0]))
        layer.set_weights([weights[name]])
        return layer(tensor)

    def given(name: str, shape: tuple[int, ...], dtype: str = "float32") -> Any:
        return keras.Input(shape, name=name, dtype=dtype)

    if kind == "text":
        ids, mask = given("ids", (6,), "int64"), given("mask", (6,))
        colour, numeric = given("colour", (), "int64"), given("numeric", (2,))
        total = ops.sum(embedding("words")(ids) * ops.expand_dims(mask, 2), axis=1)
        pooled = total / ops.sum(mask, axis=1, keepdims=True)
        joined = keras.layers.Concatenate()([pooled, embedding("colours")(colour), numeric])
        inputs = {"ids": ids, "mask": mask, "colour": colour, "numeric": numeric}
        return keras.Model(inputs, dense("out", dense("hidden", joined)))
    if kind == "bag":
        tags, mask = given("tags", (4,), "int64"), given("tags_mask", (4,))
        words, colour = given("words", (6,)), given("colour", (3,))
        pooled = ops.sum(embedding("embed_tags")(tags) * ops.expand_dims(mask, 2), axis=1)
        joined = keras.layers.Concatenate()([pooled, words, colour])
        inputs = {"tags": tags, "tags_mask": mask, "words": words, "colour": colour}
        return keras.Model(inputs, dense("out", dense("hidden", joined)))
    if kind == "series":
        series = given("series", (12, 2))
        return keras.Model({"series": series}, dense("out", ops.mean(dense("hidden", series), axis=1)))
    if kind == "image":
        image = given("image", (8, 8, 1))
        patches = ops.reshape(ops.transpose(ops.reshape(image, (-1, 2, 4, 2, 4)), (0, 1, 3, 2, 4)), (-1, 4, 16))
        return keras.Model({"image": image}, dense("out", ops.sum(dense("hidden", patches), axis=1)))
    made, colour = given("made", (3,)), given("colour", (), "int64")
    joined = keras.layers.Concatenate()([made, embedding("colours")(colour)])
    return keras.Model({"made": made, "colour": colour}, dense("out", dense("hidden", joined)))


def table_of(rows: int, seed: int = 1) -> pd.DataFrame:
    """Rows with a cell for every kind."""
    draw = np.random.default_rng(seed)

    def some(words: tuple[str, ...], most: int) -> list[str]:
        return list(draw.choice(words, size=draw.integers(1, most + 1), replace=False))

    return pd.DataFrame(
        {
            "id": [f"r{row:04d}" for row in range(rows)],
            "text": [" ".join(some(WORDS, 6)) for _ in range(rows)],
            "tags": ["|".join(some(TAGS, 3)) for _ in range(rows)],
            "colour": draw.choice(COLOURS, size=rows),
            "a": draw.normal(size=rows),
            "b": draw.normal(1.0, 2.0, size=rows),
            "x": list(draw.normal(size=(rows, 12))),
            "y": list(draw.normal(size=(rows, 12))),
            "image": [picture.tolist() for picture in draw.integers(0, 256, size=(rows, 8, 8)).astype(float)],
        }
    )


def write_inputs_project(root: Path, kind: str, framework: str, frame: pd.DataFrame) -> Path:
    """A package, its data and a spec below `root`; returns the spec's path."""
    write_inputs_package(root / "include" / "models" / kind, kind, framework)
    (root / "data").mkdir(parents=True)
    frame.to_parquet(root / "data" / "part-0.parquet", index=False)
    spec = {
        "version": 1,
        "name": f"{kind}_{framework}",
        "model": f"../models/{kind}",
        "data": {"uri": "../../data", "id": "id", "segments": ["colour"]},
        "baseline": "auto",
        "compute": {"workers": 0, "shard_rows": 50},
        "store": "../../runs",
    }
    path = root / "include" / "specs" / f"{kind}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path
