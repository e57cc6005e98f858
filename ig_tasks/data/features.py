"""Features: the named groups of numbers that a report speaks of, and what an input's attributions are summed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.bags import bag_words
from ig_tasks.data.inputs import InputSpec, feature_names
from ig_tasks.data.kinds import spatial
from ig_tasks.data.list_columns import cells_of, is_missing
from ig_tasks.data.spellings import category_name

__all__ = ["Elements", "Feature", "feature_matrix", "feature_texts", "feature_values", "features_of", "image_grids"]

Elements = tuple[tuple[int, int] | None, ...]
"""For each axis of one row's array, the first place and the place after the last; None for the whole axis.

Axes that are not named are whole: () is everything."""

FeatureKind = Literal["numeric", "categorical", "one_hot", "bag", "tokens", "image", "series", "array"]


class Feature(NamedTuple):
    """One thing that a report speaks of, most often a column that a model reads.

    `name` is the column's, made unique where two inputs read one column. Its attribution is the sum over `elements` of
    its input's array; None stands for the next place along the last axis: the input's first feature without elements
    is at place 0, the next at 1, and an input of one number per row is that number.
    """

    name: str
    input: str
    column: str
    kind: FeatureKind
    elements: Elements | None = None


def features_of(inputs: Mapping[str, InputSpec]) -> tuple[Feature, ...]:
    """All features, in the order of the inputs; masks have none."""
    names = feature_names(inputs)
    return tuple(
        Feature(feature, name, column, spec.kind, elements)  # type: ignore[arg-type]  # a mask has no features
        for name, spec in inputs.items()
        for feature, (column, elements) in zip(names[name], _feature_parts(spec), strict=True)
    )


def _feature_parts(spec: InputSpec) -> list[tuple[str, Elements | None]]:
    """(column, elements) of each of an input's features; "" where several columns make one feature."""
    first = spec.columns[0] if len(spec.columns) == 1 else ""
    if spec.kind == "mask":
        return []
    if spec.kind in ("numeric", "categorical"):
        return [(column, None) for column in spec.columns]
    if spec.kind == "series":
        places = [(place, place + 1) for place in range(len(spec.columns))]
        return [
            (column, (None, place) if spec.channels == "last" else (place,))
            for column, place in zip(spec.columns, places, strict=True)
        ]
    if spec.kind == "image" and spec.grid is not None:
        return [(first, elements) for elements in _cells(spec, spec.grid)]
    if spec.kind == "array" and spec.features is not None:
        whole_axes: Elements = (None,) * (len(spec.row_shape) - 1)
        return [(first, (*whole_axes, (place, place + 1))) for place in range(len(spec.features))]
    return [(first, ())]


def _cells(spec: InputSpec, grid: tuple[int, int]) -> list[Elements]:
    height, width = spatial(spec.row_shape, spec.channels)
    channels: Elements = (None,) if len(spec.row_shape) == 3 and spec.channels == "first" else ()
    rows = [(at * height // grid[0], (at + 1) * height // grid[0]) for at in range(grid[0])]
    columns = [(at * width // grid[1], (at + 1) * width // grid[1]) for at in range(grid[1])]
    return [(*channels, row, column) for row in rows for column in columns]


def image_grids(inputs: Mapping[str, InputSpec]) -> dict[str, list[list[str]]]:
    """{input of images that are explained in a grid: the names of its cells' features, row by row}."""
    names = feature_names(inputs)
    return {
        name: np.array(names[name], dtype=object).reshape(spec.grid).tolist()
        for name, spec in inputs.items()
        if spec.grid is not None
    }


def feature_matrix(
    attributions: Mapping[str, NDArray[Any]], features: Sequence[Feature], *, leading: int = 1
) -> NDArray[np.float64]:
    """Attributions (rows, features), each the sum over its elements, in the features' order.

    `attributions` is {input: (rows, ...)}; with two `leading` axes (rows, outputs, ...) and the result
    (rows, outputs, features).
    """
    columns_used: Counter[str] = Counter()
    columns: list[NDArray[np.float64]] = []
    for feature in features:
        array = np.asarray(attributions[feature.input], np.float64)
        if feature.elements is None:
            columns.append(array if array.ndim == leading else array[..., columns_used[feature.input]])
            columns_used[feature.input] += 1
            continue
        parts = tuple(slice(None) if span is None else slice(*span) for span in feature.elements)
        chosen = array[(slice(None),) * leading + parts]
        columns.append(chosen.reshape(*chosen.shape[:leading], int(np.prod(chosen.shape[leading:]))).sum(axis=-1))
    if not columns:
        shape = next((array.shape[:leading] for array in attributions.values()), (0,))
        return np.empty((*shape, 0))
    return np.stack(columns, axis=-1)


def feature_texts(column: pd.Series, feature: Feature, inputs: Mapping[str, InputSpec] | None = None) -> NDArray[Any]:
    """What a row held, as text (rows,), None where that cannot be said in a word.

    A text as it stands, the categories of a bag joined by commas; nothing for images, series and arrays.
    """
    texts = np.full(len(column), None, dtype=object)
    if feature.kind == "tokens":
        texts[:] = [None if is_missing(cell) else str(cell) for cell in cells_of(column)]
    elif feature.kind == "bag":
        separator = inputs[feature.input].separator if inputs else None
        texts[:] = [None if words is None else ", ".join(words) for words in bag_words(column, separator)]
    elif feature.kind in ("categorical", "one_hot"):
        texts[:] = [None if is_missing(cell) else category_name(cell) for cell in cells_of(column)]
    return texts


def feature_values(frame: pd.DataFrame, features: Sequence[Feature], inputs: Mapping[str, InputSpec]) -> NDArray[Any]:
    """What the rows held, as objects (rows, features): numbers and categories as they stand, else `feature_texts`."""
    if all(feature.kind in ("numeric", "categorical") for feature in features):
        return frame[[feature.column for feature in features]].to_numpy(dtype=object)
    values = np.full((len(frame), len(features)), None, dtype=object)
    for place, feature in enumerate(features):
        if feature.kind in ("numeric", "categorical") or (feature.kind == "one_hot" and feature.column):
            values[:, place] = frame[feature.column].to_numpy(dtype=object)
        elif feature.column:
            values[:, place] = feature_texts(frame[feature.column], feature, inputs)
    return values
