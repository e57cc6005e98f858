"""What each tensor of a traced Keras graph depends on, and which layers were called on the way."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras  # noqa: TID253 - this module is the framework's own, loaded lazily
import tensorflow as tf  # noqa: TID253

from ig_tasks.attribution.backends.keras.model import layers_by_name
from ig_tasks.attribution.backends.keras.registry import OPERATIONS, named
from ig_tasks.doctor.observation import Call, Cut, Labels, Route, cut_off

__all__ = ["Flow", "Recorder"]

_CUT_NAMES = ("comparison", "arg-max", "rounding", "one-hot", "detached")
_CUTS = {kind: known.doctor for kind, known in OPERATIONS.items() if known.doctor in _CUT_NAMES}
_GATHERS = named(lambda known: known.doctor == "lookup")
_SIZES = named(lambda known: known.doctor == "size")
_KEEP_VALUES = named(lambda known: known.doctor == "same values")


@dataclass(frozen=True)
class _Run:
    """A layer's call while the graph was traced."""

    name: str
    layer: Any
    arguments: tuple[Any, ...]
    made: tuple[Any, ...]


class Recorder:
    """`layer.call` of every layer replaced on the instance while a graph is traced; other threads get its own."""

    def __init__(self, model: Any) -> None:
        self._model, self._owner = model, threading.get_ident()
        self.calls: list[_Run] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the layers' calls in `calls` while the block lasts; the layers' own `call` is restored afterwards."""
        with ExitStack() as stack:
            for name, layer in layers_by_name(self._model).items():
                if layer is not self._model:
                    stack.callback(self._patch(name, layer))
            yield

    def _patch(self, name: str, layer: Any) -> Callable[[], None]:
        own, call = vars(layer).get("call"), layer.call

        def noted(*args: Any, **kwargs: Any) -> Any:
            made = call(*args, **kwargs)
            if threading.get_ident() == self._owner:
                flat = [
                    tuple(each for each in tf.nest.flatten(some) if tf.is_tensor(each))
                    for some in ((args, kwargs), made)
                ]
                self.calls.append(_Run(name, layer, *flat))
            return made

        def restore() -> None:
            if own is None:
                object.__delattr__(layer, "call")
            else:
                object.__setattr__(layer, "call", own)

        object.__setattr__(layer, "call", noted)
        return restore


class Flow:
    """What each tensor of a traced graph depends on."""

    def __init__(self, graph: Any, inputs: dict[str, Any], runs: Sequence[_Run], model: Any) -> None:
        self.calls: list[Call] = []
        self._graph, self._runs = graph, runs
        self._layers = layers_by_name(model)
        self._labels: dict[Any, Labels] = {}
        self._same: dict[Any, str] = {}  # tensors with an input's own values
        for name, tensor in inputs.items():
            self._labels[tensor.ref()] = frozenset({Route(name)})
            self._same[tensor.ref()] = name

    def labels(self, tensor: Any) -> Labels:
        """What this tensor of the graph depends on; empty if it depends on no input."""
        return self._labels.get(tensor.ref(), frozenset())

    def follow(self, named: frozenset[str]) -> None:
        """Go through the operations in the order in which they were traced, then look at the layers' calls."""
        made: dict[Any, set[str]] = {}
        embeds = {run.name for run in self._runs if isinstance(run.layer, keras.layers.Embedding)}
        for run in self._runs:
            for tensor in run.made:
                if tensor.ref() not in {each.ref() for each in run.arguments} and self._matters(run, named | embeds):
                    made.setdefault(tensor.ref(), set()).add(run.name)
        for operation in self._graph.get_operations():
            if operation.type in ("Placeholder", "Const"):
                continue
            labels = self._output_labels(operation)
            for tensor in operation.outputs:
                self._labels[tensor.ref()] = labels | made.get(tensor.ref(), set())
            if operation.type in _KEEP_VALUES and operation.inputs[0].ref() in self._same:
                self._same[operation.outputs[0].ref()] = self._same[operation.inputs[0].ref()]
        self.calls += [
            self._call(run) for run in self._runs if run.arguments and run.made and self._matters(run, named | embeds)
        ]

    def _matters(self, run: _Run, names: frozenset[str] | set[str]) -> bool:
        """Whether a call matters: an embedding, a named layer, or one that makes a vector of every id."""
        if run.name in names:
            return True
        if len(run.arguments) != 1 or len(run.made) != 1 or run.arguments[0].ref() not in self._same:
            return False
        ids, vectors = run.arguments[0], run.made[0]
        return bool(vectors.dtype.is_floating and vectors.shape.rank == ids.shape.rank + 1)

    def _call(self, run: _Run) -> Call:
        ids, vectors = run.arguments[0], run.made[0]
        labels: Labels = frozenset().union(*(self.labels(each) for each in run.arguments))
        takes = self._same.get(ids.ref())
        per_id = vectors.shape.rank is not None and ids.shape.rank is not None and vectors.shape.rank > ids.shape.rank
        return Call(
            layer=run.name,
            kind="embedding" if isinstance(run.layer, keras.layers.Embedding) else "layer",
            takes=takes,
            made_of=tuple(sorted({label.input for label in labels if isinstance(label, Route)})),
            behind=frozenset(label for label in labels if isinstance(label, str)) - {run.name},
            vocabulary=getattr(run.layer, "input_dim", None),
            width=vectors.shape[-1] if vectors.shape.rank else None,
            per_id=bool(per_id and vectors.dtype.is_floating),
        )

    def _output_labels(self, operation: Any) -> Labels:
        """Labels of an operation's outputs."""
        kind, operands = operation.type, list(operation.inputs)
        reads: Labels = frozenset().union(*(self.labels(each) for each in operands))
        if not reads or kind in _SIZES:
            return frozenset()
        layer = self._layer(operation)
        where = f"'{kind}'" + (f" in layer '{layer}'" if layer else "")
        if kind in _GATHERS and len(operands) > 1:
            inside = isinstance(self._layers.get(layer), keras.layers.Embedding)
            cut = Cut("embedding", f"'{layer}'") if inside else Cut("table", where)
            return self.labels(operands[0]) | cut_off(self.labels(operands[1]), cut)
        if (
            any(each.dtype == tf.string for each in operands)
            and operation.outputs
            and operation.outputs[0].dtype != tf.string
        ):
            return cut_off(reads, Cut("strings", f"layer '{layer}'" if layer else where))
        name = _CUTS.get(kind, "")
        if not name and operation.outputs and not operation.outputs[0].dtype.is_floating:
            name = "integers" if any(each.dtype.is_floating and self.labels(each) for each in operands) else ""
        return cut_off(reads, Cut(name, where)) if name else reads

    def _layer(self, operation: Any) -> str:
        """The innermost layer in whose name scope an operation lies."""
        for part in reversed(operation.name.split("/")[:-1]):
            for name in (part, re.sub(r"_\d+$", "", part)):
                if name in self._layers:
                    return name
        return ""
