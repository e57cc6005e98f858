"""Several categories in a cell: a list of ids filled up to one length, or ones among zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.data.categories import OUTSIDE, look_up
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.list_columns import cells_of, is_missing
from ig_tasks.data.outside import Outside
from ig_tasks.data.reasons import mark
from ig_tasks.data.spellings import category_name
from ig_tasks.errors import DataError

__all__ = ["Lists", "bag_words", "encode_bag", "lists_of", "padded"]

Lists = list[list[str] | None]
"""The categories of each row; None where the cell is missing."""


def bag_words(column: pd.Series, separator: str | None) -> Lists:
    """The categories of each row: the members of a list, or the parts of a text, blanks around them removed.

    Without a separator a text is one category. An empty text or list holds none.
    """
    return [_members(cell, separator) for cell in cells_of(column)]


def encode_bag(
    column: pd.Series, name: str, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> tuple[np.ndarray, np.ndarray]:
    """The array, (rows, length) ids or (rows, categories) zeros and ones, and where it holds something, (rows, ...).

    A missing cell is one unknown category. A row is left out when it holds a category that has no id, or more
    categories than the model takes.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        kind = column.dtype
        raise DataError(
            f"column '{column.name}' holds {kind} values, and the model's input '{name}' needs lists or text; use a"
            " vocabulary without `kind: bag` for one category a row"
        )
    lists = bag_words(column, spec.separator)
    if spec.length is not None:
        return padded(lists, column, spec, reasons, noted)
    places, _, rows = lists_of(lists, column, spec, reasons, noted)
    array = np.zeros((len(lists), len(spec.vocabulary or ())), dtype=spec.dtype)
    inside = places >= 0
    array[rows[inside], places[inside]] = 1
    return array, array != 0


def padded(
    lists: Lists, column: pd.Series, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, length) ids and where they stand for something, (rows, length) bool."""
    length = spec.length or 1
    ids, counts, rows = lists_of(lists, column, spec, reasons, noted)
    if (counts > length).any():
        why = np.array([f"{count} values in {column.name}, the model takes {length}" for count in counts], dtype=object)
        mark(reasons, counts > length, why)
    return placed(ids, counts, rows, length, spec)


def placed(
    ids: np.ndarray, counts: np.ndarray, rows: np.ndarray, length: int, spec: InputSpec
) -> tuple[np.ndarray, np.ndarray]:
    """Flat `ids` of these `rows`, the first `length` of each row, in an array filled up with padding."""
    array = np.full((len(counts), length), spec.padding, dtype=spec.dtype)
    starts = np.cumsum(counts) - counts
    at = np.arange(len(ids)) - np.repeat(starts, counts)
    within = at < length
    array[rows[within], at[within]] = ids[within]
    return array, np.arange(length) < counts[:, None]


def lists_of(
    lists: Lists, column: pd.Series, spec: InputSpec, reasons: np.ndarray, noted: Outside
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ids in one line, how many there are of each row, and the row of each; rows that hold unknown ones marked."""
    members: list[list[str | None]] = [[None] if cell is None else list(cell) for cell in lists]
    counts = np.array([len(cell) for cell in members], dtype=np.int64)
    rows = np.repeat(np.arange(len(members)), counts)
    flat = pd.Series([word for cell in members for word in cell], dtype=object, name=column.name)
    within = np.full(len(flat), None, dtype=object)
    line = Outside.of_rows(len(flat))
    ids = look_up(flat, spec, within, OUTSIDE if spec.unknown is None else spec.unknown, line)
    noted.take(line.by_row(rows, counts))
    why = np.full(len(members), None, dtype=object)
    for at in np.flatnonzero(~np.asarray(pd.isna(within)))[::-1]:
        why[rows[at]] = within[at]
    mark(reasons, ~np.asarray(pd.isna(why)), why)
    return np.maximum(ids, 0) if spec.integer else ids, counts, rows


def _members(cell: Any, separator: str | None) -> list[str] | None:
    if is_missing(cell):
        return None
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, str):
        parts = cell.split(separator) if separator else [cell]
        return [part.strip() for part in parts if part.strip()]
    if isinstance(cell, list | tuple | np.ndarray):
        return [category_name(member) for member in cell if not is_missing(member)]
    return [category_name(cell)]
