"""Columns of a table into the arrays that a model takes; rows that cannot be encoded are named, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.data.bags import encode_bag
from ig_tasks.data.categories import encode_ids, encode_one_hot
from ig_tasks.data.images import encode_image
from ig_tasks.data.inputs import InputSpec, feature_names
from ig_tasks.data.numbers import encode_numbers
from ig_tasks.data.outside import Outside
from ig_tasks.data.preprocessed import prepare, take_prepared
from ig_tasks.data.series import encode_series
from ig_tasks.data.tokens import encode_tokens
from ig_tasks.errors import DataError, suggest
from ig_tasks.statistics import UnknownCounts

__all__ = ["Encoded", "Preprocess", "encode", "unknown_counts"]

Preprocess = Callable[[pd.DataFrame], Mapping[str, Any]]
"""A package's own code: a table into {input name: array (rows, ...)} of its inputs of kind "array"."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Model inputs of the rows that can be explained, and why the others cannot."""

    inputs: dict[str, np.ndarray]
    """{input name: (kept rows, ...)}: what has attributions"""
    keep: np.ndarray
    """bool (rows,): the rows that `inputs` holds, in the frame's order"""
    reasons: np.ndarray
    """object (rows,): None for a kept row, else one sentence: the first thing found, in the inputs' order"""
    fixed: dict[str, np.ndarray] = field(default_factory=dict)
    """{input name: (kept rows, ...)}: masks, which the model takes and nobody explains"""
    token_masks: dict[str, np.ndarray] = field(default_factory=dict)
    """{input of padded ids: bool (kept rows, length)}: where an id stands for something"""
    outside: dict[str, Outside] = field(default_factory=dict)
    """{input whose unknown categories are explained: what the kept rows hold of them}"""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All that the model takes, by name."""
        return {**self.inputs, **self.fixed}

    def without(self, refused: Mapping[int, str]) -> Encoded:
        """The same without some of the kept rows, {place among the kept rows: why}."""
        if not refused:
            return self
        stays = np.ones(int(self.keep.sum()), dtype=bool)
        stays[list(refused)] = False
        keep, reasons = self.keep.copy(), self.reasons.copy()
        places = np.flatnonzero(keep)
        for row, why in refused.items():
            reasons[places[row]] = why
        keep[places[~stays]] = False
        inputs, fixed, token_masks = (
            {name: array[stays] for name, array in group.items()}
            for group in (self.inputs, self.fixed, self.token_masks)
        )
        outside = {name: cells.kept(stays) for name, cells in self.outside.items()}
        return Encoded(inputs, keep, reasons, fixed, token_masks, outside)


def encode(frame: pd.DataFrame, inputs: Mapping[str, InputSpec], *, preprocess: Preprocess | None = None) -> Encoded:
    """Encode every row of `frame`.

    A row is left out, with its reason, when a number is missing or not finite in the input's dtype, when a category
    is outside the vocabulary and the input has no unknown id, or when a cell does not hold what its input is made of.

    Raises:
        DataError: for a column that is absent, or does not hold the numbers it needs to; this is a fault of the whole
            table.
        ModelError: if `preprocess` fails, or returns something else than it should.
    """
    reasons = np.full(len(frame), None, dtype=object)
    arrays: dict[str, np.ndarray] = {}
    token_masks: dict[str, np.ndarray] = {}
    outside = {name: Outside.of_rows(len(frame)) for name, spec in inputs.items()}
    prepared = prepare(frame, inputs, preprocess)
    for name, spec in inputs.items():
        columns = [_column(frame, column, name) for column in spec.columns]
        if name in prepared:
            arrays[name] = take_prepared(prepared[name], name, spec, reasons)
        elif spec.padded:
            # The mask of a bag or a text is known when its ids are.
            fill = encode_tokens if spec.kind == "tokens" else encode_bag
            arrays[name], token_masks[name] = fill(columns[0], name, spec, reasons, outside[name])
        elif spec.kind != "mask":
            arrays[name] = _encode_unmasked(columns, name, spec, reasons, outside[name])
    masks = {name: token_masks[spec.of].astype(spec.dtype) for name, spec in inputs.items() if spec.of is not None}
    keep = np.asarray(pd.isna(reasons))
    outside = {name: outside[name] for name, spec in inputs.items() if spec.takes_unknown and name in arrays}
    if not keep.all():
        outside = {name: cells.kept(keep) for name, cells in outside.items()}
        arrays, masks, token_masks = (
            {name: array[keep] for name, array in group.items()} for group in (arrays, masks, token_masks)
        )
    return Encoded(
        inputs={name: arrays[name] for name, spec in inputs.items() if spec.kind != "mask"},
        keep=keep,
        reasons=reasons,
        fixed={name: (masks | arrays)[name] for name, spec in inputs.items() if spec.kind == "mask"},
        token_masks=token_masks,
        outside=outside,
    )


def unknown_counts(
    encoded: Encoded, inputs: Mapping[str, InputSpec], rows: np.ndarray | None = None
) -> dict[str, UnknownCounts]:
    """{feature: what the kept rows hold of categories that the model does not know}; `rows`: of these kept rows alone.

    Bool (kept rows,).
    """
    names = feature_names(inputs)
    chosen = {name: cells if rows is None else cells.kept(rows) for name, cells in encoded.outside.items()}
    return {names[name][0]: cells.counts(inputs[name].spellings) for name, cells in chosen.items()}


def _encode_unmasked(
    columns: list[pd.Series], name: str, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> np.ndarray:
    """An input that needs no mask, of a table's columns."""
    if spec.kind == "image":
        return encode_image(columns[0], spec, reasons)
    if spec.kind == "series":
        return encode_series(columns, spec, reasons)
    if spec.kind == "bag":
        return encode_bag(columns[0], name, spec, reasons, noted)[0]
    if spec.kind == "one_hot" and spec.vocabulary is not None:
        return encode_one_hot(columns[0], spec, reasons, noted)
    if spec.vocabulary is not None:
        return encode_ids(columns[0], spec, reasons, noted)
    numbers = encode_numbers(columns, name, spec, reasons)
    if spec.kind == "one_hot":
        noted.note_nameless(np.asarray((numbers == 0).all(axis=1)))
    return numbers


def _column(frame: pd.DataFrame, column: str, name: str) -> pd.Series:
    if column not in frame.columns:
        hint = suggest(column, frame.columns, noun="columns")
        raise DataError(f"column '{column}' of the model's input '{name}' is not in the data{hint}")
    series: pd.Series = frame[column]
    return series
