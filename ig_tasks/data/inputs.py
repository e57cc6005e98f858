"""What a model takes: which columns make an input, and which id a category has."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from ig_tasks.data.keys import InputKeys
from ig_tasks.data.kinds import check_kind, default_dtype, shape_of
from ig_tasks.data.spellings import Spellings, category_name
from ig_tasks.errors import suggest

__all__ = ["UNKNOWN", "InputSpec", "check_inputs", "explained", "feature_names"]

UNKNOWN = "(unknown)"
"""How the id of categories outside the vocabulary is written in reports."""

_DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8")


class InputSpec(InputKeys):
    """One named input of a model: of which columns it is made, and how.

    `kind` says how; left out it is "numeric", or "categorical" with a vocabulary or an integer `dtype`:

    numeric      numbers, (rows, columns): a feature per column. `missing` is the number that the model has in place of
                 a missing one, without which such rows are quarantined
    categorical  one id, (rows,): the category at position k (from 0) of the vocabulary has the id `k + offset`;
                 `unknown` is the id of every other category, nulls included, without which such rows are
                 quarantined. Without a vocabulary the columns hold ids already
    one_hot      (rows, categories) of zeros and a one, ONE feature; `unknown: zeros` gives other categories no one.
                 Without a vocabulary the columns hold the zeros and ones already
    bag          several categories per row, as a list or as text with a `separator`: (rows, length) ids filled up with
                 `padding`, or, without `length`, (rows, categories) of zeros and ones. ONE feature
    tokens       text, (rows, length) ids by a `tokenizer` of the `tokenizers` library or by a vocabulary of
                 lower-cased words; with `standardize`, of words as Keras's TextVectorization makes them. ONE feature.
                 `special` are ids that are kept out of the path
    mask         ones where the input `of` holds something, (rows, length): passed on as it is, no feature
    image        pixels times `scale`, (rows, *shape), `channels` "last" or "first". A feature for each cell of `grid`,
                 summed over pixels and channels; ONE without it
    series       lists of `length` numbers, (rows, length, columns), or (rows, columns, length) with `channels: first`.
                 A feature per column, summed over time
    array        (rows, *shape) from the package's `preprocess`. ONE feature, or one for each name in `features`,
                 along the last axis

    `layer` names the embedding layer in whose output the path runs.
    """

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        fields = dict(data)
        if fields.get("unknown") == "zeros":
            fields |= {"unknown": None, "unknown_zeros": True}
        if fields.get("dtype") is None:
            fields["dtype"] = default_dtype(fields)
        if fields.get("kind") is None:
            integer = fields["dtype"] in _DTYPES and np.issubdtype(np.dtype(fields["dtype"]), np.integer)
            fields["kind"] = "categorical" if integer or fields.get("vocabulary") is not None else "numeric"
        return fields

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

    @field_validator("missing", mode="before")
    @classmethod
    def _a_number(cls, value: Any) -> Any:
        if value == "pass" or (isinstance(value, Mapping) and "pass" in value.values()):
            raise ValueError(
                "'pass' would leave gaps in a path, and there is no path from a number to a gap; name the number that "
                "the model has in place of a gap, such as `missing: 0` or {column: number}, or, if the model takes "
                "another way where a number is missing, give it an indicator column, made in `preprocess`"
            )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> InputSpec:
        if self.dtype not in _DTYPES and not (self.kind == "mask" and self.dtype == "bool"):
            raise ValueError(f"dtype '{self.dtype}' is not one of {', '.join(_DTYPES)}")
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("columns: a column stands there twice")
        if self.vocabulary is None and (self.unknown is not None or self.unknown_zeros or self.offset):
            raise ValueError("unknown and offset need a vocabulary")
        check_kind(self)
        if self.vocabulary is None:
            return self
        if len(set(self.vocabulary)) != len(self.vocabulary):
            twice = next(name for name in self.vocabulary if self.vocabulary.count(name) > 1)
            raise ValueError(f"vocabulary: category '{twice}' stands there twice")
        # Ids that are off by one give a model that runs and is wrong, so nothing is guessed here.
        reserved = {"unknown": self.unknown} | ({"padding": self.padding} if self.padded else {})
        for field, number in reserved.items():
            if number in self._ids and "offset" not in self.model_fields_set:
                shared = self.vocabulary[number or 0]
                raise ValueError(
                    f"{field}: id {number} is also the id of category '{shared}'; add `offset: 1` if the"
                    f" vocabulary's ids start after it, or `offset: 0` if that entry stands for the {field}"
                )
        return self

    @model_serializer(mode="wrap")
    def _serialize_lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was there from the first is always written; of the rest what is not the default.

        Keys in the store are made of this, so they stay what they were; a tokenizer counts by its content.
        """
        written: dict[str, Any] = handler(self)
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        changed = {name for name, value in written.items() if _as_list(value) != _as_list(defaults[name])}
        lean = {name: value for name, value in written.items() if name in changed or name in _FIRST}
        if self.kind in ("numeric", "categorical"):
            lean.pop("kind", None)
        if self.tokenizer is not None and Path(self.tokenizer).is_file():
            lean["tokenizer"] = f"sha256:{hashlib.sha256(Path(self.tokenizer).read_bytes()).hexdigest()}"
        return lean

    @property
    def padded(self) -> bool:
        """Whether rows are lists of ids, filled up with `padding`."""
        return self.kind == "tokens" or (self.kind == "bag" and self.length is not None)

    @property
    def takes_lists(self) -> bool:
        """Whether a cell of its columns may hold a list."""
        return self.kind in ("bag", "image", "series", "array", "mask")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row's array; of a mask that belongs to another input, ()."""
        return shape_of(self)

    @property
    def _ids(self) -> range:
        return range(self.offset, self.offset + len(self.vocabulary or ()))

    @cached_property
    def ids(self) -> dict[str, int]:
        """{category: id}; empty without a vocabulary."""
        return dict(zip(self.vocabulary or (), self._ids, strict=True))

    @cached_property
    def spellings(self) -> Spellings:
        """The vocabulary, found by other spellings of its categories."""
        return Spellings(self.vocabulary or ())

    @property
    def takes_unknown(self) -> bool:
        """Whether rows whose category the model does not know are explained all the same."""
        if self.kind == "one_hot" and self.vocabulary is None:
            return True  # no one among the columns
        return self.unknown is not None or self.unknown_zeros or self.tokenizer is not None

    def in_place_of_gaps(self, column: str) -> float | None:
        """The number that stands for a missing one; None where rows with gaps are left out."""
        return self.missing.get(column) if isinstance(self.missing, dict) else self.missing

    @property
    def size(self) -> int:
        """Rows that an embedding of these ids needs: the greatest id, and one more."""
        greatest = [-1 if self.unknown is None else self.unknown, self.padding if self.padded else -1]
        return max(self._ids.stop, *(number + 1 for number in greatest))

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

    def feature_bases(self, name: str) -> tuple[str, ...]:
        """What the features of this input, called `name`, are called before they are made unique."""
        if self.kind == "mask":
            return ()
        if self.kind == "array":
            return self.features or (name,)
        if self.kind == "one_hot":
            return self.columns if len(self.columns) == 1 else (name,)
        if self.kind == "image" and self.grid is not None:
            return tuple(f"{self.columns[0]}[{row},{column}]" for row, column in np.ndindex(*self.grid))
        return self.columns


_FIRST = ("columns", "dtype", "vocabulary", "offset", "unknown", "layer")


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def feature_names(inputs: Mapping[str, InputSpec]) -> dict[str, tuple[str, ...]]:
    """{input: a name for each of its features}, most often the column's; with the input's where two are alike."""
    bases = {name: spec.feature_bases(name) for name, spec in inputs.items()}
    times = Counter(base for names in bases.values() for base in names)
    return {
        name: tuple(base if times[base] == 1 else f"{base} ({name})" for base in names) for name, names in bases.items()
    }


def explained(inputs: Mapping[str, InputSpec]) -> dict[str, InputSpec]:
    """The inputs that have attributions: all but masks."""
    return {name: spec for name, spec in inputs.items() if spec.kind != "mask"}


def check_inputs(inputs: Mapping[str, InputSpec]) -> None:
    """Raise ValueError where inputs do not go together."""
    if inputs and not explained(inputs):
        raise ValueError("inputs: there are masks only; one input at least has to be explained")
    padded = [name for name, spec in inputs.items() if spec.padded]
    for name, spec in inputs.items():
        if spec.of is not None and spec.of not in padded:
            hint = suggest(spec.of, padded, noun="inputs of tokens or bags")
            raise ValueError(f"inputs.{name}.of: '{spec.of}' is not an input of padded ids{hint}")
