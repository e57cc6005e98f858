"""The weights of a torch package of the reviews in Keras: one trained model of text, categories and numbers, twice.

python include/models/convert_reviews.py include/models/reviews_multimodal --to some/folder
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Weights = Mapping[str, np.ndarray]


def convert(package: Path, to: Path) -> None:
    """Write to the new folder `to` a Keras package of the same inputs, targets and numbers as the torch `package`."""
    from safetensors.numpy import load_file

    config: dict[str, Any] = yaml.safe_load((package / "model.yaml").read_text(encoding="utf-8"))
    model = build(config["arguments"], load_file(package / config["weights"]), lengths(config))
    to.mkdir(parents=True)
    model.save(to / "model.keras")
    for name in ("vocabulary.json", "tokenizer.json"):
        if (package / name).is_file():
            shutil.copyfile(package / name, to / name)
    for key in ("factory", "arguments"):
        del config[key]
    for described in config["inputs"].values():
        if "layer" in described:
            described["layer"] = described["layer"].replace(".", "_")
    config |= {"framework": "tensorflow", "weights": "model.keras"}
    config["card"]["name"] += ", converted to Keras"
    (to / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False, width=110), encoding="utf-8")


def lengths(config: Mapping[str, Any]) -> dict[str, int]:
    """{text: its tokens}"""
    return {name: one["length"] for name, one in config["inputs"].items() if one.get("kind") == "tokens"}


def build(arguments: Mapping[str, Any], weights: Weights, lengths: Mapping[str, int]) -> Any:
    """The architecture of architecture_reviews.py of Keras' own layers and operations, with these weights."""
    import keras

    inputs: dict[str, Any] = {}
    parts: list[Any] = []
    for name, size in arguments["texts"].items():
        for one in (name, f"{name}_mask"):
            inputs[one] = keras.Input((lengths[name],), name=one, dtype="int64")
        parts.append(_text(name, size, inputs[name], inputs[f"{name}_mask"], weights))
    for name, (ids, width) in arguments["categories"].items():
        inputs[name] = keras.Input((), name=name, dtype="int64")
        parts.append(_set(keras.layers.Embedding(ids, width, name=f"embed_{name}"), inputs[name],
                          weights[f"embed_{name}.weight"]))  # fmt: skip
    if arguments["numbers"]:
        inputs["numbers"] = keras.Input((arguments["numbers"],), name="numbers", dtype="float32")
        mean, variance = weights["mean"].tolist(), (weights["std"].astype(np.float64) ** 2).tolist()
        parts.append(keras.layers.Normalization(mean=mean, variance=variance, name="standard")(inputs["numbers"]))
    x = keras.layers.Concatenate(name="joined")(parts) if len(parts) > 1 else parts[0]
    for name, activation in (("hidden", "silu"), ("output", None)):
        dense = keras.layers.Dense(len(weights[f"{name}.bias"]), activation=activation, name=name)
        # torch keeps (units, inputs), Keras (inputs, units).
        x = _set(dense, x, weights[f"{name}.weight"].T, weights[f"{name}.bias"])
    return keras.Model(inputs, x, name="reviews")


def _text(name: str, size: Sequence[int], ids: Any, mask: Any, weights: Weights) -> Any:
    import keras

    ops, layers = keras.ops, keras.layers
    tokens, width, channels = size
    held = {key: weights[f"text_{name}.{key}"] for key in ("embed.weight", "near.weight", "near.bias", "weight.weight")}
    embedded = _set(layers.Embedding(tokens, width, name=f"text_{name}_embed"), ids, held["embed.weight"])
    near = layers.Conv1D(channels, 3, padding="same", activation="silu", name=f"text_{name}_near")
    # torch keeps (channels, inputs, places), Keras (places, inputs, channels).
    seen = _set(near, embedded, held["near.weight"].transpose(2, 1, 0), held["near.bias"])
    one = layers.Dense(1, name=f"text_{name}_weight")
    score = _set(one, seen, held["weight.weight"].T, weights[f"text_{name}.weight.bias"])
    kept = ops.expand_dims(ops.cast(mask, "float32"), -1)
    weight = ops.softmax(score * kept + (kept - 1.0) * 1e4, axis=1) * kept
    return ops.sum(seen * weight, axis=1)


def _set(layer: Any, given: Any, *weights: np.ndarray) -> Any:
    """The layer's output for `given`, with these weights in it."""
    output = layer(given)
    layer.set_weights(list(weights))
    return output


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A torch package of the reviews as a Keras package")
    parser.add_argument("package", type=Path, help="the torch package")
    parser.add_argument("--to", type=Path, required=True, help="the new folder")
    given = parser.parse_args(arguments)
    if given.to.exists():
        parser.error(f"--to: '{given.to}' is there already")
    convert(given.package, given.to)
    print(f"convert_reviews: wrote '{given.to}'")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
