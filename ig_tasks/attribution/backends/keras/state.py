"""What makes two calls of a Keras model differ, and what the calls leave behind in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import numpy as np

from ig_tasks.attribution.backends.keras.model import layers_by_name
from ig_tasks.errors import ModelError

__all__ = ["kept_on", "kinds_of", "may_differ", "remembered", "require_stateless", "writes"]

_WRITES = ("Assign", "ResourceScatter", "ScatterNdUpdate")
_LOTS = ("Random", "Multinomial", "Rng", "PyFunc")


def require_stateless(model: Any) -> None:
    """Raise ModelError for a layer that goes on from the batch before, such as LSTM(stateful=True)."""
    for name, layer in layers_by_name(model).items():
        if getattr(layer, "stateful", False):
            raise ModelError(
                f"model: its layer '{name}' is stateful, so that what a batch gives depends on those before; build it "
                "again with stateful=False, and give it the weights of this one"
            )


def kept_on(model: Any) -> list[str]:
    """Layers that the model was built to call with `training=True`, such as dropout that stays on.

    Keras overrides that where the model itself is called with `training=False`, as `predict` and the engine call it.
    """
    return [name for name, layer in layers_by_name(model).items() if any(_trained(node) for node in _nodes(layer))]


def _nodes(layer: Any) -> Iterator[Any]:
    for node in getattr(layer, "_inbound_nodes", ()):
        if hasattr(node, "arguments"):
            yield node.arguments


def _trained(arguments: Any) -> bool:
    return arguments.kwargs.get("training") is True or any(each is True for each in arguments.args)


def kinds_of(graph: Any) -> frozenset[str]:
    """Types of the operations of a traced graph, also inside the functions that it calls."""
    definition = graph.as_graph_def()
    bodies = [definition.node, *(function.node_def for function in definition.library.function)]
    return frozenset(node.op for body in bodies for node in body)


def writes(kinds: frozenset[str]) -> bool:
    """Whether some of these operations write to variables."""
    return any(kind.startswith(_WRITES) for kind in kinds)


def may_differ(kinds: frozenset[str]) -> bool:
    """Whether two runs of a graph of these operations may differ."""
    return writes(kinds) or any(word in kind for kind in kinds for word in _LOTS)


def remembered(variables: Iterable[Any]) -> Callable[[], None]:
    """A function that gives a model's variables the values that they have now: counters, states, seeds."""
    before = [(variable, np.array(keras.ops.convert_to_numpy(variable))) for variable in variables]

    def restore() -> None:
        for variable, values in before:
            if not np.array_equal(keras.ops.convert_to_numpy(variable), values):
                variable.assign(values)

    return restore
