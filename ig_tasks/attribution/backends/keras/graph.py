"""A model's traced graph as a flat list of TensorFlow operations, and any of them done again on other tensors.

Following the operations that TensorFlow runs, instead of the layers that Keras lists, is what makes functional,
nested and subclassed models, Lambda layers and keras.ops one and the same thing: a hundred operations with fixed
meanings.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily
from tensorflow.python.framework import op_def_registry  # noqa: TID253 - the one list of operations' definitions

from ig_tasks.attribution.backends.keras.registered import REGISTERED, Marks
from ig_tasks.attribution.backends.keras.state import writes
from ig_tasks.attribution.structure import NotFollowed

__all__ = ["Graph", "Step", "replay", "static"]

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


@dataclass(frozen=True)
class Step:
    """One operation: where its inputs come from, where its outputs go. Keys number the graph's tensors."""

    type: str
    operation: Any  # tf.Operation
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def shapes(self) -> list[Any]:
        """Static shapes of the outputs."""
        return [output.shape for output in self.operation.outputs]

    def constant(self, place: int) -> Any:
        """The value of an input that is known without running anything, else None."""
        return static(self.operation.inputs[place])


@dataclass
class Graph:
    """What a function of batches does. `inputs` are keys in the order of the function's arguments."""

    steps: list[Step]
    inputs: tuple[int, ...]
    captures: dict[int, Any]  # {key: tensor from outside, such as a variable's handle}
    output: int
    # What the look at a row filled in: (rows of a tensor to one of the batch, its other axes) by key.
    sizes: dict[int, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    # Affine tensors that values of secant cells are laid out from, in order; and for each of the first operations with
    # kinks which of them are its operands, and where its kinks are, given their bases and deltas.
    cuts: tuple[int, ...] = ()
    kinks: tuple[tuple[tuple[int, ...], Callable[..., Any]], ...] = ()

    @classmethod
    def of(cls, function: Any, specs: Sequence[Any]) -> Graph:
        """Trace `function`, which takes tensors like `specs` and gives one. Raises NotFollowed."""
        marks = Marks()
        with marks.noted():
            concrete = tf.function(function, autograph=False).get_concrete_function(*specs)
        graph = concrete.graph
        for operation in graph.get_operations():
            if writes(frozenset({operation.type})):
                raise NotFollowed(f"the model writes to its variables when it runs ({operation.type})")
        keys = itertools.count()
        names: dict[Any, int] = {}
        inputs = [next(keys) for _ in specs]
        captures = {next(keys): outer for outer in concrete.captured_inputs}
        for tensor, key in zip(graph.inputs, (*inputs, *captures), strict=True):
            names[tensor.ref()] = key
        steps = list(_flat(graph, [graph.outputs[0]], names, keys))
        output = names[graph.outputs[0].ref()]
        if marks.found:
            steps = _joined(steps, marks, output)
        return cls(steps, tuple(inputs), captures, output)

    def before(self, keys: Sequence[int]) -> list[Step]:
        """The steps that give these tensors."""
        return _needed(self.steps, keys)


def _needed(steps: Sequence[Step], keys: Sequence[int]) -> list[Step]:
    wanted, found = set(keys), []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            found.append(step)
    return found[::-1]


def _joined(steps: Sequence[Step], marks: Marks, output: int) -> list[Step]:
    """The steps that give `output`, with each registered operation as one step."""
    given: dict[int, Step] = {}
    joined = []
    for step in steps:
        number, side = marks.at(step.operation) or (-1, "")
        if side == "in":
            given[number] = step
        elif side == "out" and number in given:
            first = given[number]
            operation = marks.operation(number, first.operation, step.operation)
            operation.check()
            step = Step(REGISTERED, operation, first.inputs, step.outputs)
        joined.append(step)
    return _needed(joined, [output])


def static(tensor: Any) -> Any:
    """The value (numpy) of a tensor of the traced graph that does not depend on its inputs or variables, or None."""
    value = tf.get_static_value(tensor)
    if value is None and tensor.dtype.is_integer:
        folded = _folded(tensor, 16)
        value = None if folded is None else folded.numpy()
    return value


def _folded(tensor: Any, depth: int) -> Any:
    """What a short chain of operations on constants gives: TensorFlow itself folds fewer."""
    operation = tensor.op
    if depth == 0 or operation.type in ("Placeholder", "ReadVariableOp", *_CALLS):
        return None
    with tf.init_scope():
        inputs = [_folded(each, depth - 1) for each in operation.inputs]
        if any(each is None for each in inputs):
            return None
        return replay(operation, inputs)[tensor.value_index]


def replay(operation: Any, inputs: Sequence[Any]) -> list[Any]:
    """The operation on other inputs: its outputs. Raises NotFollowed."""
    if operation.type == REGISTERED:
        return [operation.call(inputs[0])]
    if operation.type == "Const":
        return [tf.constant(tf.make_ndarray(operation.get_attr("value")))]
    function, names, attributes = _signature(operation.type)
    arguments: dict[str, Any] = {}
    place = 0
    for argument in operation.op_def.input_arg:
        if argument.number_attr or argument.type_list_attr:
            given = operation.get_attr(argument.number_attr or argument.type_list_attr)
            count = given if argument.number_attr else len(given)
            arguments[names[argument.name]] = list(inputs[place : place + count])
            place += count
        else:
            arguments[names[argument.name]] = inputs[place]
            place += 1
    for attribute in attributes:
        arguments[names[attribute]] = operation.get_attr(attribute)
    made = function(**arguments)
    if isinstance(made, tuple) and hasattr(made, "_fields"):
        return list(made)
    return list(made) if isinstance(made, list | tuple) else [made]


@lru_cache(maxsize=512)
def _signature(kind: str) -> tuple[Any, dict[str, str], tuple[str, ...]]:
    """TensorFlow's function of that operation, its parameters' names by the operation's own, and the attributes."""
    function = getattr(tf.raw_ops, kind, None)
    definition = op_def_registry.get(kind)
    if function is None or definition is None or "Random" in kind or "PyFunc" in kind:
        raise NotFollowed(f"the model's graph has an operation that cannot be run again ({kind})")
    inputs = [argument.name for argument in definition.input_arg]
    follows = {argument.type_attr for argument in definition.input_arg}  # from the inputs themselves
    follows |= {argument.number_attr for argument in definition.input_arg}
    follows |= {argument.type_list_attr for argument in definition.input_arg}
    attributes = [each.name for each in definition.attr if each.name not in follows and not each.name.startswith("_")]
    parameters = [name for name in inspect.signature(function).parameters if name != "name"]
    own = [name for name in (*inputs, *attributes) if name not in parameters]
    renamed = [name for name in parameters if name not in (*inputs, *attributes)]
    if len(own) != len(renamed):
        raise NotFollowed(f"the model's graph has an operation that cannot be run again ({kind})")
    names = {name: name for name in (*inputs, *attributes)} | dict(zip(own, renamed, strict=True))
    return function, names, tuple(attributes)


def _flat(graph: Any, outputs: Sequence[Any], names: dict[Any, int], keys: Iterator[int]) -> Iterator[Step]:
    """Steps that `outputs` need, in order; functions that the graph calls are laid open."""
    needed = set()
    pending = [tensor.op for tensor in outputs]
    while pending:
        operation = pending.pop()
        if operation not in needed:
            needed.add(operation)
            pending += [tensor.op for tensor in operation.inputs]
    for operation in graph.get_operations():  # in the order in which they were traced
        if operation not in needed or operation.type in ("Placeholder", "PlaceholderWithDefault"):
            continue
        given = tuple(names[tensor.ref()] for tensor in operation.inputs)
        if operation.type in _CALLS:
            body = _body(graph, operation)
            inner = {tensor.ref(): key for tensor, key in zip(body.inputs, given, strict=True)}
            yield from _flat(body, body.outputs, inner, keys)
            for tensor, made in zip(operation.outputs, body.outputs, strict=True):
                names[tensor.ref()] = inner[made.ref()]
            continue
        for tensor in operation.outputs:
            names[tensor.ref()] = next(keys)
        yield Step(operation.type, operation, given, tuple(names[tensor.ref()] for tensor in operation.outputs))


def _body(graph: Any, operation: Any) -> Any:
    name = operation.get_attr("f").name
    body = getattr(graph._get_function(name), "graph", None)
    if body is None or not hasattr(body, "outputs"):
        raise NotFollowed(f"the model's graph calls a function that cannot be laid open ({name})")
    return body
