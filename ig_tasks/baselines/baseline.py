"""A fitted baseline: a number for each numeric feature, weights over ids for each categorical one.

Weights over ids, not vectors, are what is stored: the vectors belong to a model's layer, the weights to the data,
and the same baseline serves both frameworks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.data.inputs import InputSpec, feature_names
from ig_tasks.errors import BaselineError
from ig_tasks.store import Folder, Manifest, digest_of

Embed = Callable[[str, NDArray[np.int64]], NDArray[np.float64]]
"""`embed(layer, ids)`: the vectors (ids, width) that an embedding layer gives."""

_SCHEMA = pa.schema([("feature", pa.string()), ("id", pa.int64()), ("category", pa.string()), ("value", pa.float64())])


@dataclass(frozen=True)
class Baseline:
    """One baseline, shared by all rows.

    numbers: {feature: value}; weights: {feature: {id: weight}}, the weights of a feature sum to one, or there are
    none, which stands for the zero vector.
    """

    strategy: str
    rows: int
    numbers: Mapping[str, float]
    weights: Mapping[str, Mapping[int, float]]

    @property
    def digest(self) -> str:
        """Of the values alone: two fits that give the same numbers are the same baseline."""
        numbers = {feature: float(value).hex() for feature, value in self.numbers.items()}
        weights = {f: {str(i): float(w).hex() for i, w in ids.items()} for f, ids in self.weights.items()}
        return digest_of({"numbers": numbers, "weights": weights})

    def arrays(self, inputs: Mapping[str, InputSpec], embed: Embed) -> dict[str, NDArray[np.float64]]:
        """One row's baseline for each input: (columns,) of a numeric input, (width,) of an embedded one.

        Raises:
            BaselineError: if a column has no value, or an input of ids has no layer to run the path in.
        """
        names = feature_names(inputs)
        return {name: self._array(name, spec, names[name], embed) for name, spec in inputs.items()}

    def _array(self, name: str, spec: InputSpec, features: Sequence[str], embed: Embed) -> NDArray[np.float64]:
        missing = [feature for feature in features if feature not in self.numbers and feature not in self.weights]
        if missing:
            raise BaselineError(
                f"baseline: there is no value for {missing[0]!r}; fit the baseline again for this model"
            )
        if not spec.integer:
            return np.array([self.numbers[feature] for feature in features])
        if spec.layer is None:
            raise BaselineError(f"input {name!r} holds ids and names no layer; add `layer:` to it in model.yaml")
        points = [self._mean_embedding(feature, spec.layer, embed) for feature in features]
        return points[0] if len(points) == 1 else np.stack(points)

    def _mean_embedding(self, feature: str, layer: str, embed: Embed) -> NDArray[np.float64]:
        weights = self.weights[feature]
        ids = np.array(sorted(weights) or [0], dtype=np.int64)
        share = np.array([weights.get(int(number), 0.0) for number in ids])
        return share @ embed(layer, ids).astype(np.float64)

    def to_table(self, inputs: Mapping[str, InputSpec]) -> pa.Table:
        """The table of baseline.parquet: a row for a number, a row for each category's weight."""
        specs = _by_feature(inputs)
        rows: list[tuple[str, int | None, str | None, float]] = [(f, None, None, v) for f, v in self.numbers.items()]
        for feature, ids in self.weights.items():
            rows += [(feature, number, specs[feature].category(number), ids[number]) for number in sorted(ids)]
        columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
        return pa.table([pa.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)], _SCHEMA)

    @classmethod
    def from_table(cls, table: pa.Table, *, strategy: str, rows: int, inputs: Mapping[str, InputSpec]) -> Baseline:
        """The baseline that `to_table` wrote."""
        numbers: dict[str, float] = {}
        weights: dict[str, dict[int, float]] = {
            feature: {} for feature, spec in _by_feature(inputs).items() if spec.integer
        }
        for row in table.to_pylist():
            if row["id"] is None:
                numbers[row["feature"]] = row["value"]
            else:
                weights.setdefault(row["feature"], {})[row["id"]] = row["value"]
        return cls(strategy=strategy, rows=rows, numbers=numbers, weights=weights)

    @classmethod
    def of_run(cls, run: Folder, inputs: Mapping[str, InputSpec]) -> Baseline:
        """The baseline that a run was made with, from its folder."""
        facts = Manifest(run).document["baseline"]
        table = run.read_table("baseline.parquet")
        return cls.from_table(table, strategy=facts["strategy"], rows=facts["rows"], inputs=inputs)

    def describe(self, inputs: Mapping[str, InputSpec]) -> dict[str, float | str]:
        """What a report says of each feature's baseline: the number, the category, or which mean it is."""
        specs = _by_feature(inputs)
        described: dict[str, float | str] = dict(self.numbers)
        for feature, ids in self.weights.items():
            if not ids:
                described[feature] = "zero vector"
            elif len(ids) == 1:
                described[feature] = specs[feature].category(next(iter(ids)))
            else:
                described[feature] = f"mean embedding of {len(ids)} categories, weighted by frequency"
        return described


def _by_feature(inputs: Mapping[str, InputSpec]) -> dict[str, InputSpec]:
    return {feature: inputs[name] for name, features in feature_names(inputs).items() for feature in features}
