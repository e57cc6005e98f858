"""What a model takes: which columns make an input, and which id a category has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["UNKNOWN", "InputSpec", "category_name", "feature_names"]

UNKNOWN = "(unknown)"
"""How the id of categories outside the vocabulary is written in reports."""

_DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


def category_name(value: object) -> str:
    """The one spelling of a category, in a vocabulary as in the data.

    A whole number has no decimal point: a column of integers with a missing value arrives as floats,
    and month 1 must not become category "1.0".
    """
    if isinstance(value, float | np.floating) and math.isfinite(value) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


class InputSpec(BaseModel):
    """One named input of a model.

    Without a vocabulary the columns are numbers: an array (rows, columns) of `dtype`, or (rows,) for a
    single column of an integer `dtype` (ids that the data set holds already).

    With a vocabulary the one column is categorical: an array (rows,) of ids. The category at position k
    (from 0) has the id `k + offset`. `unknown` is the id of every other category, nulls included;
    without it such rows are quarantined.

    `layer` names the embedding layer in whose output the path runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = Field(min_length=1)
    dtype: str = "float32"
    vocabulary: tuple[str, ...] | None = None
    offset: int = Field(default=0, ge=0)
    unknown: int | None = Field(default=None, ge=0)
    layer: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.get("vocabulary") is not None and data.get("dtype") is None:
            return {**data, "dtype": "int64"}
        return data

    @field_validator("columns", mode="before")
    @classmethod
    def _one_column(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _spelling(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return tuple(category_name(item) for item in value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> InputSpec:
        if self.dtype not in _DTYPES:
            raise ValueError(f"dtype '{self.dtype}' is none of {', '.join(_DTYPES)}")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("columns: a column stands there twice")
        if self.vocabulary is None:
            if self.unknown is not None or self.offset:
                raise ValueError("unknown and offset need a vocabulary")
            return self
        if len(self.columns) != 1:
            raise ValueError(f"a vocabulary goes with one column, and there are {len(self.columns)}")
        if not self.integer:
            raise ValueError(f"a vocabulary gives integer ids, and dtype is '{self.dtype}'")
        if len(set(self.vocabulary)) != len(self.vocabulary):
            twice = next(name for name in self.vocabulary if self.vocabulary.count(name) > 1)
            raise ValueError(f"vocabulary: category '{twice}' stands there twice")
        # Ids that are off by one give a model that runs and is wrong, so nothing is guessed here.
        if self.unknown in self._ids and "offset" not in self.model_fields_set:
            shared = self.vocabulary[self.unknown or 0]
            raise ValueError(
                f"unknown: id {self.unknown} is also the id of category '{shared}'; add `offset: 1` if the"
                " vocabulary's ids start after it, or `offset: 0` if that entry stands for the unknown"
            )
        return self

    @property
    def integer(self) -> bool:
        """Whether the input holds ids instead of numbers to differentiate by."""
        return np.issubdtype(np.dtype(self.dtype), np.integer)

    @property
    def kind(self) -> Literal["numeric", "categorical"]:
        return "categorical" if self.integer else "numeric"

    @property
    def _ids(self) -> range:
        return range(self.offset, self.offset + len(self.vocabulary or ()))

    @cached_property
    def ids(self) -> dict[str, int]:
        """{category: id}; empty without a vocabulary."""
        return dict(zip(self.vocabulary or (), self._ids, strict=True))

    @property
    def size(self) -> int:
        """Rows that an embedding of these ids needs: the greatest id, and one more."""
        return max(self._ids.stop, -1 if self.unknown is None else self.unknown + 1)

    def category(self, number: int) -> str:
        """The category that has this id; UNKNOWN for the unknown id; the number itself without a vocabulary."""
        if self.vocabulary is None:
            return str(number)
        return self.vocabulary[number - self.offset] if number in self._ids else UNKNOWN

    def categories(self, ids: np.ndarray) -> np.ndarray:
        """`category` of every id: an object array of the ids' shape."""
        if self.vocabulary is None:
            return np.asarray(ids).astype(str).astype(object)
        names = np.array([UNKNOWN, *self.vocabulary], dtype=object)
        position = np.asarray(ids, dtype=np.int64) - self.offset
        return np.asarray(names[np.where((position < 0) | (position >= len(self._ids)), 0, position + 1)])


def feature_names(inputs: Mapping[str, InputSpec]) -> dict[str, tuple[str, ...]]:
    """{input: a name for each of its columns}: the column's own; with the input's where two read one."""
    columns = [column for spec in inputs.values() for column in spec.columns]
    return {
        name: tuple(column if columns.count(column) == 1 else f"{column} ({name})" for column in spec.columns)
        for name, spec in inputs.items()
    }
