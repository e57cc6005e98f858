"""The same small model in every format: numbers, embedded ids, both, or an image, and what each format holds it as."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("numeric", "categorical", "both", "image")

NAMES = {"numeric": ("numeric",), "categorical": ("carrier",), "both": ("numeric", "carrier"), "image": ("image",)}

LAYER = "embed_carrier"

MODULE_CODE = Path(__file__).with_name("artifact_net.py").read_text(encoding="utf-8")


def arrays(kind: str, *, channels: str = "first", rows: int = 4) -> dict[str, np.ndarray]:
    """Inputs of a model of this kind."""
    draw = np.random.default_rng(5)
    image = draw.normal(size=(rows, 1, 5, 5)).astype(np.float32)
    every = {
        "numeric": draw.normal(size=(rows, 2)).astype(np.float32),
        "carrier": np.array([1, 5, 0, 3] * rows)[:rows].astype(np.int64),
        "image": image if channels == "first" else image.transpose(0, 2, 3, 1),
    }
    return {name: every[name] for name in NAMES[kind]}


def described(kind: str, *, channels: str = "first", layer: bool = True) -> dict[str, Any]:
    """The inputs of a model of this kind, as model.yaml describes them."""
    every: dict[str, Any] = {
        "numeric": {"columns": ["a", "b"]},
        "carrier": {"columns": ["carrier"], "dtype": "int64", **({"layer": LAYER} if layer else {})},
        "image": {
            "columns": ["image"],
            "kind": "image",
            "shape": [1, 5, 5] if channels == "first" else [5, 5, 1],
            "channels": channels,
        },
    }
    return {name: every[name] for name in NAMES[kind]}


# -- torch -------------------------------------------------------------------------------------------------------


def torch_module(kind: str) -> Any:
    from support.artifact_net import build

    return build(kind).eval()


def _example(kind: str) -> tuple[Any, ...]:
    import torch

    return tuple(torch.as_tensor(array) for array in arrays(kind).values())


def save_export(kind: str, folder: Path, *, fixed_batch: bool = False, module: Any = None) -> Path:
    import torch

    example = _example(kind)
    shapes = None if fixed_batch else tuple({0: torch.export.Dim.AUTO} for _ in example)
    path = folder / "model.pt2"
    torch.export.save(torch.export.export(module or torch_module(kind), example, dynamic_shapes=shapes), path)
    return path


def save_torchscript(kind: str, folder: Path, *, frozen: bool = False, traced: bool = False) -> Path:
    import torch

    path = folder / "model.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch_module(kind)
        script = torch.jit.trace(module, _example(kind)) if traced else torch.jit.script(module)
        torch.jit.save(torch.jit.freeze(script) if frozen else script, path)
    return path


def save_module(kind: str, folder: Path) -> Path:
    import torch

    path = folder / "model.pt"
    torch.save(torch_module(kind), path)
    return path


def save_state_dict(kind: str, folder: Path) -> Path:
    import torch

    path = folder / "weights.pt"
    torch.save(torch_module(kind).state_dict(), path)
    return path


def save_safetensors(kind: str, folder: Path) -> Path:
    from safetensors.torch import save_file

    path = folder / "weights.safetensors"
    save_file(torch_module(kind).state_dict(), path)
    return path


# -- Keras and TensorFlow ----------------------------------------------------------------------------------------


def keras_model(kind: str) -> Any:
    import keras

    keras.utils.set_random_seed(3)
    shapes = {"numeric": ((2,), "float32"), "carrier": ((), "int64"), "image": ((5, 5, 1), "float32")}
    inputs = {name: keras.Input(shapes[name][0], dtype=shapes[name][1], name=name) for name in NAMES[kind]}
    parts = []
    for name, tensor in inputs.items():
        if name == "carrier":
            parts.append(keras.layers.Embedding(6, 3, keras.initializers.RandomNormal(0, 1), name=LAYER)(tensor))
        elif name == "image":
            convolved = keras.layers.Conv2D(3, 3, activation="relu", name="convolution")(tensor)
            parts.append(keras.layers.Flatten(name="flat")(convolved))
        else:
            parts.append(tensor)
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="joined")(parts)
    hidden = keras.layers.Dense(5, activation="tanh", name="hidden")(joined)
    return keras.Model(inputs, keras.layers.Dense(2, name="out")(hidden))


KERAS_CODE = "from support.artifacts import keras_model\n\n\ndef build(kind):\n    return keras_model(kind)\n"


def save_keras(kind: str, folder: Path) -> Path:
    path = folder / "model.keras"
    keras_model(kind).save(path)
    return path


def save_h5(kind: str, folder: Path) -> Path:
    path = folder / "model.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras_model(kind).save(path)
    return path


def save_weights_h5(kind: str, folder: Path) -> Path:
    path = folder / "model.weights.h5"
    keras_model(kind).save_weights(path)
    return path


def save_keras_export(kind: str, folder: Path) -> Path:
    path = folder / "saved"
    keras_model(kind).export(path, verbose=False)
    return path


def save_plain_signature(kind: str, folder: Path) -> Path:
    """A tf.Module that knows nothing of Keras, with the numbers of the Keras model."""
    import tensorflow as tf

    model = keras_model(kind)
    dtypes = {
        "numeric": ((None, 2), tf.float32),
        "carrier": ((None,), tf.int64),
        "image": ((None, 5, 5, 1), tf.float32),
    }

    class Plain(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.held = {
                weight.path: tf.Variable(np.asarray(weight), name=weight.path.replace("embeddings", "table"))
                for weight in model.weights
            }

        def score(self, given: dict[str, Any]) -> dict[str, Any]:
            parts = []
            for name, value in given.items():
                if name == "carrier":
                    parts.append(tf.gather(self.held[f"{LAYER}/embeddings"], value))
                elif name == "image":
                    kernel, bias = self.held["convolution/kernel"], self.held["convolution/bias"]
                    convolved = tf.nn.relu(tf.nn.conv2d(value, kernel, 1, "VALID") + bias)
                    parts.append(tf.reshape(convolved, (-1, 27)))
                else:
                    parts.append(value)
            joined = parts[0] if len(parts) == 1 else tf.concat(parts, 1)
            hidden = tf.tanh(joined @ self.held["hidden/kernel"] + self.held["hidden/bias"])
            return {"scores": hidden @ self.held["out/kernel"] + self.held["out/bias"]}

    plain = Plain()
    specs = {name: tf.TensorSpec(*dtypes[name], name=name) for name in NAMES[kind]}
    function = tf.function(lambda **given: plain.score({name: given[name] for name in NAMES[kind]}))
    path = folder / "saved"
    tf.saved_model.save(plain, path, signatures=function.get_concrete_function(**specs))
    return path


SAVERS: dict[str, tuple[str, Callable[[str, Path], Path]]] = {
    "safetensors": ("torch", save_safetensors),
    "state_dict": ("torch", save_state_dict),
    "export": ("torch", save_export),
    "module": ("torch", save_module),
    "torchscript": ("torch", save_torchscript),
    "keras": ("tensorflow", save_keras),
    "h5": ("tensorflow", save_h5),
    "weights_h5": ("tensorflow", save_weights_h5),
    "keras_export": ("tensorflow", save_keras_export),
    "plain_signature": ("tensorflow", save_plain_signature),
}
"""{what it is called in tests: framework, function that saves a model of a kind into a folder}"""

NUMBERS_ONLY = {"safetensors": MODULE_CODE, "state_dict": MODULE_CODE, "weights_h5": KERAS_CODE}


def write_package(kind: str, saver: str, folder: Path) -> Path:
    """A whole package: model.yaml, the artifact, code where it is needed."""
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    framework, save = SAVERS[saver]
    path = save(kind, folder)
    channels = "first" if framework == "torch" else "last"
    document: dict[str, Any] = {
        "framework": framework,
        "weights": path.name,
        "inputs": described(kind, channels=channels),
        "targets": {"no": {"output": 0, "space": "logit"}, "yes": {"output": 1, "space": "logit"}},
    }
    if saver in NUMBERS_ONLY:
        (folder / "model.py").write_text(NUMBERS_ONLY[saver])
        document |= {"factory": "model:build", "arguments": {"kind": kind}}
    if saver == "module":
        document["format"] = "module"
    (folder / "model.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder
