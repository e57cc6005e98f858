"""Outcomes of rows, as the column `data.label` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.data.spellings import category_name
from ig_tasks.errors import DataError

__all__ = ["read_labels"]

_WHERE = "leave it empty where the outcome is not known yet"


def read_labels(
    column: pd.Series[Any], kind: str, target: str, classes: Mapping[str, int] | None = None
) -> NDArray[np.float64]:
    """Outcomes (rows,), NaN where they are missing.

    Args:
        kind: "binary" takes 0 and 1, true and false; "class" numbers of columns and names of `classes`; "number" any
            finite number.
        target: what the outcome is one of, for messages.

    Raises:
        DataError: naming a value that is no outcome of this kind.
    """
    codes, uniques = pd.factorize(column, use_na_sentinel=True)
    read = np.array([*(_number(value, kind, classes or {}) for value in uniques), np.nan], dtype=np.float64)
    values = read[codes]
    wrong = np.isnan(values) & (codes >= 0) | ~np.isfinite(np.nan_to_num(values, posinf=np.inf, neginf=-np.inf))
    if kind == "binary":
        wrong |= ~np.isnan(values) & (values != 0) & (values != 1)
    if kind == "class":
        wrong |= ~np.isnan(values) & ((values < 0) | (values != np.floor(values)))
    if wrong.any():
        shown = category_name(uniques[codes[int(np.argmax(wrong))]])[:60]
        wanted = {
            "binary": "0 or 1",
            "class": _class_words(classes or {}),
            "number": "a finite number",
        }[kind]
        raise DataError(
            f"data.label: column {column.name!r} holds {shown!r}, and an outcome of target {target!r} is {wanted}; "
            f"convert it, and {_WHERE}"
        )
    return values


def _class_words(classes: Mapping[str, int]) -> str:
    named = f"one of {', '.join(list(classes)[:5])}" if classes else ""
    if _numbered_otherwise(classes):
        return f"{named}, the names of targets, which are other numbers than those of their columns"
    return "the number of an output column" + (f", or {named}" if named else "")


def _numbered_otherwise(classes: Mapping[str, int]) -> bool:
    """Whether names are numbers, and not those of their columns: what number is meant the name alone says."""
    return any(name.isdecimal() and int(name) != column for name, column in classes.items())


def _number(value: Any, kind: str, classes: Mapping[str, int]) -> float:
    number = isinstance(value, bool | np.bool_ | int | float | np.integer | np.floating | Decimal)
    if kind == "class":
        # A name first, however it is stored: class 3 is one class as a number, as 3.0 and as a text.
        text = category_name(value)
        if text in classes:
            return float(classes[text])
        if _numbered_otherwise(classes):
            return float("nan")
        return float(value) if number else float(text) if text.isdecimal() else float("nan")
    return float(value) if number else float("nan")
