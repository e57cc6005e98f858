"""One fitted baseline, as values of the data: it belongs to no model's layer and to no framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.baselines.input_layouts import InputLayout

__all__ = ["Point"]


@dataclass(frozen=True, eq=False)
class Point:
    """One point to start paths from.

    Attributes:
        numbers: {feature: value}.
        weights: {feature: {id: weight}}, which sum to one; empty weights stand for the zero vector.
        arrays: {input: one row's numbers, or the ids of a list of ids}.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON that differs where a value differs in its last bit."""
        document: dict[str, Any] = {
            "numbers": {feature: float(value).hex() for feature, value in self.numbers.items()},
            "weights": {f: {str(i): float(w).hex() for i, w in ids.items()} for f, ids in self.weights.items()},
        }
        if self.arrays:
            document["arrays"] = {
                name: [list(np.shape(array)), [float(value).hex() for value in np.ravel(array)]]
                for name, array in self.arrays.items()
            }
        return document

    def records(
        self, layouts: Mapping[str, InputLayout]
    ) -> Iterator[tuple[str, int | None, str | None, float, int | None]]:
        """Rows of a table: feature, id, category, value, and the place in an array."""
        of_feature = {feature: layout for layout in layouts.values() for feature in layout.features}
        for feature, value in self.numbers.items():
            yield feature, None, None, value, None
        for feature, ids in self.weights.items():
            for number in sorted(ids):
                yield feature, number, of_feature[feature].category(number), ids[number], None
        for name, array in self.arrays.items():
            for place, value in enumerate(np.ravel(array).tolist()):
                yield name, None, None, float(value), place

    @classmethod
    def of_records(cls, records: list[dict[str, Any]], layouts: Mapping[str, InputLayout]) -> Point:
        """The point whose rows these are; a feature of ids without rows has no weights."""
        numbers: dict[str, float] = {}
        weights: dict[str, dict[int, float]] = {
            feature: {}
            for layout in layouts.values()
            if layout.role in ("ids", "sequence")
            for feature in layout.features
        }
        elements: dict[str, dict[int, float]] = {}
        for row in records:
            if row["id"] is not None:
                weights.setdefault(row["feature"], {})[row["id"]] = row["value"]
            elif row.get("place") is not None:
                elements.setdefault(row["feature"], {})[row["place"]] = row["value"]
            else:
                numbers[row["feature"]] = row["value"]
        arrays: dict[str, NDArray[Any]] = {}
        for name, values in elements.items():
            layout = layouts[name]
            flat = np.array([values[place] for place in range(len(values))])
            arrays[name] = flat.reshape(layout.shape).astype(np.int64 if layout.role == "sequence" else np.float64)
            if layout.role == "sequence":
                weights.pop(layout.features[0], None)
        return cls(numbers, weights, arrays)
