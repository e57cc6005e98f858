"""A column of categories: one id per row, or a one among zeros."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.outside import Outside
from ig_tasks.data.reasons import mark
from ig_tasks.data.spellings import category_names

__all__ = ["encode_ids", "encode_one_hot", "look_up"]

OUTSIDE = -1


def encode_ids(column: pd.Series, spec: InputSpec, reasons: np.ndarray, noted: Outside) -> np.ndarray:
    """(rows,) ids; a category that has none, where there is no unknown id, leaves its row out."""
    return look_up(column, spec, reasons, 0 if spec.unknown is None else spec.unknown, noted)


def encode_one_hot(column: pd.Series, spec: InputSpec, reasons: np.ndarray, noted: Outside) -> np.ndarray:
    """(rows, categories): a one where the row's category stands in the vocabulary."""
    places = look_up(column, spec, reasons, OUTSIDE, noted)
    return np.asarray(places[:, None] == np.arange(len(spec.vocabulary or ())), dtype=spec.dtype)


def look_up(column: pd.Series, spec: InputSpec, reasons: np.ndarray, outside: int, noted: Outside) -> np.ndarray:
    """(rows,) ids; `outside` for categories without an id, which are noted."""
    # Categories are looked up once each, rows by position: strings of 300,000 rows are never compared in Python.
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    names = category_names(uniques)
    # The last entry is the null's: factorize gives nulls the code -1.
    known = np.array([name in spec.ids for name in names] + [False], dtype=bool)
    dtype = spec.dtype if spec.integer else np.int64
    table = np.array([spec.ids.get(name, outside) for name in names] + [outside], dtype=dtype)
    if spec.unknown is None and not spec.unknown_zeros and not known.all():
        why = [_why_unknown(name, str(column.name), spec) for name in names]
        messages = np.array([*why, f"missing value in {column.name}"], dtype=object)
        mark(reasons, ~known[codes], messages[codes])
    noted.note(codes, names, known[codes])
    return np.asarray(table[codes])


def _why_unknown(name: str, column: str, spec: InputSpec) -> str:
    """Why a row of this category is left out; which one it was probably meant to be, where that is plain."""
    if name in spec.ids:
        return ""
    alike = spec.spellings.alike(name)
    hint = "" if alike is None else f" (the model knows '{alike}')"
    return f"unknown category '{name}' in {column}{hint}"
