"""A head behind a Keras model, whose layers keep their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras  # noqa: TID253 - this module is imported when a Keras model is loaded, never before
import numpy as np

from ig_tasks.models.output_steps import LEAST, Step
from ig_tasks.models.outputs import OUTCOME, Head, Selection

__all__ = ["KerasFunctions", "Output", "with_head"]


def with_head(model: Any, head: Head) -> Any:
    """head(model(...)): the same graph with one layer more, or a model around one that has no graph; (rows, 1)."""
    from keras.src.models.functional import Functional

    if isinstance(model, Functional):
        tensor = head.pick(_outputs_by_name(model))
        if head.takes_outcome:
            return _with_outcome(model, head, tensor)
        head.of_tensor(KerasFunctions(), tensor)  # what a layer raises, Keras wraps in lines of its own
        return keras.Model(model.input, Output(head, name=_free_name(model, head.space), dtype=tensor.dtype)(tensor))
    return _Around(model, head)


def _with_outcome(model: Any, head: Head, tensor: Any) -> Any:
    """A graph with an input more, the rows' outcomes, which its last layer takes beside the model's output."""
    inputs = model.input if isinstance(model.input, dict) else {tensor.name: tensor for tensor in model.inputs}
    outcome = keras.Input((), name=OUTCOME, dtype=tensor.dtype)
    head.of_tensor(KerasFunctions(), tensor, outcome)
    last = Output(head, name=_free_name(model, head.space), dtype=tensor.dtype)
    return keras.Model({**inputs, OUTCOME: outcome}, last([tensor, outcome]))


def _outputs_by_name(model: Any) -> Any:
    """What a functional model gives; several outputs in a list go by their names, where these differ."""
    names = list(getattr(model, "output_names", None) or ())
    output = model.output
    if isinstance(output, list | tuple) and len(output) > 1 and len(set(names)) == len(output):
        return dict(zip(names, output, strict=True))
    return output


def _free_name(model: Any, name: str) -> str:
    names = {layer.name for layer in model.layers}
    while name in names:
        name += "_"
    return name


class KerasFunctions:
    """The steps' functions, in the dtype of what they are given."""

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x)), element by element."""
        return keras.ops.sigmoid(x)

    def softmax(self, x: Any) -> Any:
        """Softmax over the columns of (rows, columns)."""
        return keras.ops.softmax(x, axis=-1)

    def logsumexp(self, parts: Sequence[Any]) -> Any:
        """log(sum(exp)) over all columns of the parts, (rows, 1)."""
        joined = parts[0] if len(parts) == 1 else keras.ops.concatenate(list(parts), axis=1)
        return keras.ops.logsumexp(joined, axis=1, keepdims=True)

    def clip(self, x: Any) -> Any:
        """Between 0 and 1."""
        return keras.ops.clip(x, 0.0, 1.0)

    def spread(self, x: Any, columns: int) -> Any:
        """(rows, 1) as it is: Keras broadcasts it to (rows, columns)."""
        del columns  # it broadcasts
        return x

    def weighted_sum(self, x: Any, weights: Any) -> Any:
        """(rows, columns) times (columns,), summed to (rows, 1)."""
        # Not a matrix product: TensorFlow rounds those to ten bits on newer GPUs.
        return keras.ops.sum(x * weights, axis=-1, keepdims=True)

    def constant(self, step: Step, name: str, like: Any) -> Any:
        """A list of the step as a tensor of the dtype of `like`."""
        return keras.ops.convert_to_tensor(np.asarray(getattr(step, name), np.float64), dtype=like.dtype)

    def like(self, outcome: Any, x: Any) -> Any:
        """The same numbers in the dtype of `x`."""
        return keras.ops.cast(outcome, x.dtype)

    def softplus(self, x: Any) -> Any:
        """log(1 + exp(x)), element by element."""
        return keras.ops.softplus(x)

    def log(self, x: Any) -> Any:
        """The logarithm of numbers of at least `LEAST`, to which smaller ones are raised."""
        return keras.ops.log(keras.ops.maximum(x, LEAST))

    def log_share(self, x: Any, classes: Any) -> Any:
        """Log of the softmax over the columns of x (rows, columns) of each row's class (rows, 1), (rows, 1)."""
        own = keras.ops.equal(classes, keras.ops.arange(x.shape[1], dtype=x.dtype))
        return keras.ops.sum(keras.ops.log_softmax(x, axis=1) * keras.ops.cast(own, x.dtype), axis=1, keepdims=True)


@keras.saving.register_keras_serializable(package="ig_tasks")
class Output(keras.layers.Layer):  # type: ignore[misc]  # keras is not followed by mypy
    """The head of one tensor, (rows, 1)."""

    def __init__(self, head: Head, **settings: Any) -> None:
        super().__init__(**settings, autocast=False)
        self.head = head

    def call(self, x: Any) -> Any:
        """The explained number (rows, 1) of an output tensor; with the outcomes beside it where the head takes them."""
        tensor, outcome = x if self.head.takes_outcome else (x, None)
        return self.head.of_tensor(KerasFunctions(), tensor, outcome)

    def get_config(self) -> dict[str, Any]:
        """The head as JSON values, for `from_config`."""
        head = self.head
        document = {
            "target": head.target,
            "space": head.space,
            "selection": head.selection.model_dump(),
            "steps": [step.to_json() for step in head.steps],
            "binary": head.binary,
            "takes_outcome": head.takes_outcome,
        }
        return {**super().get_config(), "head": document}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Output:
        """The layer that `get_config` describes."""
        document = dict(config["head"])
        head = Head(
            document["target"],
            document["space"],
            Selection(**document["selection"]),
            tuple(Step.from_json(step) for step in document["steps"]),
            document["binary"],
            document.get("takes_outcome", False),
        )
        return cls(**{**config, "head": head})


class _Around(keras.Model):  # type: ignore[misc]  # keras is not followed by mypy
    """A model that is no graph of layers, called, and the head of what it returns."""

    def __init__(self, model: Any, head: Head) -> None:
        super().__init__(name=model.name)
        self.raw = model
        self._head = head

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outcome = None
        if self._head.takes_outcome:
            outcome = inputs[OUTCOME]
            inputs = {name: array for name, array in inputs.items() if name != OUTCOME}
        return self._head(KerasFunctions(), self.raw(inputs, training=training), outcome=outcome)
