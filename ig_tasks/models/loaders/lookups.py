"""Embedding lookups found in a frozen TensorFlow graph, and the graph cut behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras  # noqa: TID253 - this module is imported when a SavedModel is loaded, never before
import tensorflow as tf  # noqa: TID253

__all__ = ["Lookup", "Table", "cut", "frozen"]

_GATHERS = ("GatherV2", "Gather", "ResourceGather")
_SAME = ("Identity", "ReadVariableOp", "StopGradient")


@dataclass(frozen=True)
class Table:
    """One lookup: which input's ids it takes, how many there are, and the function from ids to vectors."""

    name: str
    input: str
    rows: int
    width: int
    shape: tuple[int | None, ...]
    find: Callable[[Any], Any]

    @property
    def key(self) -> str:
        """The name of its vectors among the inputs of what comes behind."""
        return f"{self.input}/{self.name}"


class Lookup(keras.layers.Embedding):  # type: ignore[misc]  # keras is not followed by mypy
    """A lookup as an embedding layer, without weights of its own: the frozen graph holds them."""

    def __init__(self, table: Table) -> None:
        super().__init__(table.rows, table.width, name=table.name, trainable=False)
        self._table = table

    def build(self, input_shape: Any = None) -> None:  # noqa: ARG002
        """Nothing to build: the table is complete."""
        self.built = True

    def call(self, ids: Any) -> Any:
        """Ids (rows, ...) to the vectors of the table, (rows, ..., width)."""
        return self._table.find(ids)

    def compute_output_spec(self, ids: Any) -> Any:
        """The output's symbolic shape and dtype, for functional models."""
        return keras.KerasTensor((*ids.shape, *self._table.shape[len(ids.shape) :]), "float32")


def frozen(function: Any) -> Any:
    """The function as one flat graph with its variables as constants; None where TensorFlow cannot do that."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    try:
        return convert_variables_to_constants_v2(function, lower_control_flow=False)
    except (ValueError, KeyError, NotImplementedError, AttributeError, tf.errors.OpError):
        return None


def cut(flat: Any, function: Any, inputs: list[str]) -> tuple[list[Table], Callable[[dict[str, Any]], dict[str, Any]]]:
    """The lookups whose ids are an input's alone, and the function of the inputs and their vectors to the outputs."""
    feeds = {tensor.op.name: tensor for tensor in flat.inputs}
    placed = _inputs_by_placeholder(feeds, inputs)
    names = _variables(function)
    tables: list[Table] = []
    vectors: dict[str, Any] = {}
    for operation in flat.graph.get_operations():
        if operation.type not in _GATHERS:
            continue
        table_values = _behind_identities(operation.inputs[0])
        sources = {source for source in _sources(operation.inputs[1]) if source in placed}
        vector = operation.outputs[0]
        if (
            table_values.op.type != "Const"
            or table_values.shape.rank != 2
            or len(sources) != 1
            or vector.dtype != tf.float32
        ):
            continue
        name = placed[sources.pop()]
        if not _one_vector_per_id(vector, feeds, name, placed):
            continue
        layer_names = {table.name for table in tables}
        layer = names.get(
            table_values.op.name, operation.name.split("/")[-2] if "/" in operation.name else f"embed_{name}"
        )
        layer = layer if layer not in layer_names else f"{layer}_{name}"
        find = _pruned(flat, [next(t for at, t in feeds.items() if placed[at] == name)], [vector])
        count, width = (int(size) for size in table_values.shape)
        table = Table(layer, name, count, width, tuple(vector.shape), find)
        tables.append(table)
        vectors[table.key] = vector
    return tables, _after_lookups(flat, feeds, placed, vectors, sorted(function.structured_outputs))


def _one_vector_per_id(vector: Any, feeds: dict[str, Any], name: str, placed: dict[str, str]) -> bool:
    """Whether the vectors belong to ids one for one: (*ids, width)."""
    ids = next(tensor for at, tensor in feeds.items() if placed[at] == name)
    return bool(ids.dtype.is_integer and vector.shape.rank == ids.shape.rank + 1)


def _inputs_by_placeholder(feeds: dict[str, Any], inputs: list[str]) -> dict[str, str]:
    """{placeholder: input}; they are called alike, but for what a graph's names cannot hold."""
    input_names = {}
    for at in feeds:
        plain = [name for name in inputs if name == at]
        input_names[at] = plain[0] if plain else next((name for name in inputs if at.startswith(_spelled(name))), at)
    return input_names


def _spelled(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_./-" else "_" for letter in name)


def _variables(function: Any) -> dict[str, str]:
    """{constant of the frozen graph: the layer that its variable belonged to}."""
    handles = {id(variable.handle): variable.name for variable in function.variables}
    layer_names = {}
    for outside, inside in function.graph.captures:
        if id(outside) in handles:
            scope = handles[id(outside)].partition(":")[0].split("/")
            layer_names[inside.op.name] = scope[-2] if len(scope) > 1 else scope[-1]
    return layer_names


def _behind_identities(tensor: Any) -> Any:
    while tensor.op.type in _SAME:
        tensor = tensor.op.inputs[0]
    return tensor


def _sources(tensor: Any) -> set[str]:
    """The placeholders that a tensor depends on."""
    visited: set[str] = set()
    placeholders, left = set(), [tensor.op]
    while left:
        operation = left.pop()
        if operation.name in visited:
            continue
        visited.add(operation.name)
        if operation.type == "Placeholder":
            placeholders.add(operation.name)
        left += [each.op for each in operation.inputs]
    return placeholders


def _pruned(flat: Any, feeds: list[Any], fetches: list[Any]) -> Callable[..., Any]:
    function = flat.prune(feeds, fetches)

    def call(*values: Any) -> Any:
        cast = [tf.cast(item, feed.dtype) for item, feed in zip(values, feeds, strict=True)]
        results = function(*cast)
        return results[0] if isinstance(results, list | tuple) and len(results) == 1 else results

    return call


def _after_lookups(
    flat: Any, feeds: dict[str, Any], placed: dict[str, str], vectors: dict[str, Any], outputs: list[str]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Everything from the inputs and the looked-up vectors to the outputs."""
    keys = [*(placed[at] for at in feeds), *vectors]
    call = _pruned(flat, [*feeds.values(), *vectors.values()], list(flat.outputs))

    def run(values: dict[str, Any]) -> dict[str, Any]:
        results = call(*(values[key] for key in keys))
        parts = list(results) if isinstance(results, list | tuple) else [results]
        return dict(zip(outputs, parts, strict=True))

    return run
