"""Keras packages on TensorFlow: a `.keras` or `.h5` file that holds the model, or a factory with bare weights."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError, suggest
from ig_tasks.models.bare import input_of
from ig_tasks.models.code import import_factory
from ig_tasks.models.loaded import LoadedModel, check_layers
from ig_tasks.models.outputs import OUTCOME, Head
from ig_tasks.models.package_formats import FORMATS

# Both are read once, at the import: Keras chooses its backend by one, TensorFlow greets on stderr by the other.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: TID253 - this module is imported when a Keras model is loaded, never before

from ig_tasks.models.heads.keras import KerasFunctions, with_head
from ig_tasks.models.loaders.text_inputs import behind_lookups

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["KerasModel", "finished", "load", "placed"]


def load(package: PackageContents, device: str) -> KerasModel:
    """Load and check the model, on `device` ("cpu", "cuda:0" or "gpu:0")."""
    return finished(package, device, _build if FORMATS[package.config.file_format].factory else _read)


def finished(package: PackageContents, device: str, read: Callable[[PackageContents], Any]) -> KerasModel:
    """The model that `read` gives, checked against model.yaml; a bare one says itself what its inputs are."""
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"framework: Keras runs on {keras.backend.backend()} here, and '{package.uri}' needs tensorflow; set"
            " KERAS_BACKEND=tensorflow"
        )
    try:
        with placed(device):
            model = read(package)
            package = package.described(_signature(model), list(getattr(model, "output_names", None) or ()))
            model = _with_named_inputs(package, model)
            # A bare file has no vocabulary that could stand for the lookup's: it is what it is.
            model = model if package.bare else behind_lookups(package.config.inputs, model)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"model '{package.uri}' cannot be loaded on '{device}': {_line(error)}") from error
    embeddings = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    check_layers(package, [layer.name for layer in model.layers], embeddings)
    return KerasModel(model=model, package=package, device=device)


def placed(device: str) -> Any:
    """A context in which Keras puts variables and operations on `device`."""
    return keras.device(_keras_device(device))


def _keras_device(device: str) -> str:
    return device.replace("cuda", "gpu") if ":" in device else f"{device.replace('cuda', 'gpu')}:0"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


_UNKNOWN = re.compile(r"Could not locate (?:class|function) '([^']+)'")
"""Keras says so in the midst of the whole configuration."""


def _read(package: PackageContents) -> Any:
    path = package.weights
    try:
        # safe_mode refuses lambdas, which are pickled code.
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise ModelError(
                f"weights: '{path}' holds a {unknown[1]}, which is not Keras's own; import the code that registers it"
                " first, or save its .weights.h5 and name a factory"
            ) from error
        raise ModelError(f"weights: '{path}' cannot be read: {type(error).__name__}: {_line(error)}") from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"weights: '{path}' holds a {type(model).__name__}, not a keras.Model")
    return model


def _build(package: PackageContents) -> Any:
    factory = package.config.factory or ""
    build = import_factory(package.root, package.files, package.digest, factory)
    try:
        model = build(**package.config.arguments)
    except Exception as error:
        raise ModelError(
            f"factory: {factory} of '{package.uri}' failed: {type(error).__name__}: {_line(error)}"
        ) from error
    if not isinstance(model, keras.Model):
        raise ModelError(f"factory: {factory} of '{package.uri}' returned a {type(model).__name__}, not a keras.Model")
    path = package.weights
    try:
        model.load_weights(path)
    except Exception as error:
        raise ModelError(f"weights: '{path}' does not fit the model: {_line(error)}") from error
    return model


def _with_named_inputs(package: PackageContents, model: Any) -> Any:
    """The model taking {input name: array}; a list of inputs becomes a dict by the inputs' own names."""
    if package.bare and len(getattr(model, "inputs", None) or []) == 1:
        # Called with an array as well as by name, which Keras takes as a change of structure where it was a dict.
        return keras.Model(model.inputs[0], model.output, name=model.name) if _structure(model) else model
    wanted = list(package.config.inputs)
    if not isinstance(model, keras.Sequential) and not isinstance(model, _functional()):
        return model  # a subclassed model says nothing of its inputs before it is called
    model_inputs = _structure(model) or {tensor.name: tensor for tensor in model.inputs}
    for name in wanted:
        if name not in model_inputs:
            hint = suggest(name, model_inputs, noun="inputs")
            raise ModelError(f"inputs.{name}: the model has no such input{hint}")
    for name in model_inputs:
        if name not in wanted and not package.bare:
            raise ModelError(f"inputs: the model needs an input '{name}', which model.yaml does not describe")
    if _structure(model):
        return model
    # A sequential model that was read from a file was never called, and has no `output`.
    output = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    return keras.Model(model_inputs, output, name=model.name)


def _signature(model: Any) -> dict[str, InputSpec]:
    """The inputs of a functional or sequential model, and the layers that embed them."""
    if not isinstance(model, keras.Sequential) and not isinstance(model, _functional()):
        return {}
    model_inputs = _structure(model) or {input_tensor.name: input_tensor for input_tensor in model.inputs}
    embedded = {
        id(layer.input): layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.Embedding) and len(layer._inbound_nodes) == 1
    }
    specs = {
        name: input_of(name, str(tensor.dtype), tensor.shape[1:], embedded.get(id(tensor)))
        for name, tensor in model_inputs.items()
    }
    return {name: spec for name, spec in specs.items() if spec is not None}


def _structure(model: Any) -> dict[str, Any]:
    """The inputs of a model that was built from a dict of them, else none."""
    # A sequential model that was never called has no `input`.
    inputs = None if isinstance(model, keras.Sequential) else getattr(model, "input", None)
    return inputs if isinstance(inputs, dict) else {}


def _functional() -> Any:
    from keras.src.models.functional import Functional

    return Functional


class KerasModel(LoadedModel):
    """A loaded Keras or TensorFlow model on one device."""

    @property
    def framework(self) -> Literal["tensorflow"]:
        """Always "tensorflow"."""
        return "tensorflow"

    def _call(self, model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
        with placed(self.device):
            output = model(_as_built(model, inputs), training=False)
        if isinstance(output, dict | list | tuple):
            raise ModelError(f"model '{self.package.uri}' returned a {type(output).__name__}, not a tensor")
        return np.asarray(keras.ops.convert_to_numpy(output))

    def _call_head(self, model: Any, head: Head, inputs: dict[str, np.ndarray]) -> np.ndarray:
        with placed(self.device):
            outcome = inputs.pop(OUTCOME, None)
            raw = model(_as_built(model, inputs), training=False)
            output = head(
                KerasFunctions(), raw, outcome=None if outcome is None else keras.ops.convert_to_tensor(outcome)
            )
        return np.asarray(keras.ops.convert_to_numpy(output))

    def _with_head(self, model: Any, head: Head) -> Any:
        with placed(self.device):
            return with_head(model, head)


def _as_built(model: Any, inputs: dict[str, np.ndarray]) -> Any:
    """Inputs by name, or the only one as it is where the model was not built from a dict."""
    alone = len(inputs) == 1 and isinstance(getattr(model, "inputs", None), list) and not _structure(model)
    return next(iter(inputs.values())) if alone else inputs
