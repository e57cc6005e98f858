"""A function of TensorFlow's tensors as a Keras model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily

__all__ = ["FunctionModel"]


class FunctionModel(keras.Model):  # type: ignore[misc]  # keras is not followed by mypy
    """A function as a model, with the layers that it reaches. Its inputs come in the dtype of those."""

    def __init__(self, dtype: str) -> None:
        super().__init__(dtype=dtype)

    @classmethod
    def of(cls, function: Any, held: Mapping[str, Any]) -> Self:
        layers = [one for one in held.values() if isinstance(one, keras.layers.Layer)]
        dtypes = [str(weight.dtype) for layer in layers for weight in layer.weights]
        dtypes += [one.dtype.name for one in held.values() if not isinstance(one, keras.layers.Layer)]
        dtype = next((name for name in dtypes if "float" in name), keras.config.floatx())

        def call(self: Any, *args: Any, **keywords: Any) -> Any:  # noqa: ARG001
            return function(*args, **keywords)

        either = inspect.Parameter.POSITIONAL_OR_KEYWORD
        try:
            own = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            own = [inspect.Parameter("x", either)]
        call.__signature__ = inspect.Signature([inspect.Parameter("self", either), *own])  # type: ignore[attr-defined]
        model = type(cls.__name__, (cls,), {"call": call})(dtype)
        model.held = layers
        return model  # type: ignore[no-any-return]
