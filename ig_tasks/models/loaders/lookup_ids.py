"""Whether model.yaml's vocabulary gives what a Keras model's own lookup gives, asked for every category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras  # noqa: TID253 - this module is imported when a Keras model is loaded, never before
import numpy as np
import pandas as pd

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import DataError, ModelError

__all__ = ["check_same"]

_NO_WORD = "\x00 no category"
_TEXTS = ("It's A-b\tc_d,  E\u00c9\u00a0x", "\u0130 \u2003 !", "...")
"""Where two ways to split a text differ, they do here."""


def check_same(name: str, spec: InputSpec, layers: Sequence[Any], tensor: Any) -> None:
    """Raise ModelError where the layers, one behind another from the input's `tensor`, give other ids.

    Or other zeros and ones: `spec` has a vocabulary, and one column.
    """
    column, text = spec.columns[0], tensor.dtype == "string"
    cells = list(spec.vocabulary or ())
    if spec.kind == "tokens":
        # The last word of every text is one that is known, so that its place tells how many came before.
        cells += [f"{extra} {cells[0]}" for extra in _TEXTS] + [
            " ".join(cells * (1 + (spec.length or 1) // len(cells)))
        ]
    outside = _unknown_category(cells, text=text)
    cells.append(outside)
    lists = spec.kind == "bag"
    frame = pd.DataFrame({column: pd.Series([[cell] if lists else cell for cell in cells], dtype=object)})
    try:
        encoded = encode(frame, {name: spec})
    except DataError as error:
        raise ModelError(f"inputs.{name}.vocabulary: {error}") from error
    mine = encoded.inputs[name]
    known_cells = [cell for cell, keep in zip(cells, encoded.keep, strict=True) if keep]
    own = _model_ids(name, known_cells, layers, tensor)
    if own.ndim == mine.ndim + 1 and own.shape[1] == 1:
        own = own[:, 0]
    last = layers[-1].name
    if own.shape != mine.shape:
        raise ModelError(
            f"inputs.{name}: a row is {_shown_shape(mine)} here and {_shown_shape(own)} behind the model's layer"
            f" '{last}'; {_FITS.get(spec.kind, 'its `kind` and `vocabulary` have to fit')}"
        )
    for cell, here, there in zip(known_cells, mine, own, strict=True):
        if not np.array_equal(here, there):
            shown = f"text {cell!r}" if spec.kind == "tokens" else f"category '{cell}'"
            shown = "an unknown category" if cell == outside else shown
            raise ModelError(
                f"inputs.{name}.vocabulary: {shown} {_id_words(here)} here and {_id_words(there, '')} in the model's "
                f"layer '{last}'; take the layer's vocabulary in its order, with its `offset` and `unknown`"
            )


_FITS = {
    "tokens": "its `length` has to fit",
    "one_hot": "its `vocabulary` is the lookup's whole one (get_vocabulary()), with the entry for unknown categories",
}


def _unknown_category(cells: Sequence[str], *, text: bool) -> str:
    """A category that is in no vocabulary."""
    if text:
        return _NO_WORD
    numbers = {int(cell) for cell in cells if _is_integer(cell)}
    return str(next(number for number in range(1, len(numbers) + 2) if number not in numbers))


def _is_integer(cell: str) -> bool:
    return cell.removeprefix("-").isdigit()


def _model_ids(name: str, cells: Sequence[str], layers: Sequence[Any], tensor: Any) -> np.ndarray:
    """What the model's own layers make of these cells."""
    values: Any = list(cells)
    if tensor.dtype != "string":
        wrong = next((cell for cell in cells if not _is_integer(cell)), None)
        if wrong is not None:
            raise ModelError(f"inputs.{name}.vocabulary: '{wrong}' is not a number, and the model looks numbers up")
        values = [int(cell) for cell in cells]
    with keras.device("cpu:0"):
        result = keras.ops.convert_to_tensor(values, dtype=tensor.dtype)
        if len(tensor.shape) > 1 and tensor.shape[1] == 1:
            result = keras.ops.expand_dims(result, 1)
        elif len(tensor.shape) > 1:
            raise ModelError(
                f"inputs.{name}: the model looks up {tensor.shape[1] or 'several'} values per row, and a vocabulary"
                " stands for one; save the model that begins behind the lookup"
            )
        for layer in layers:
            try:
                result = layer(result)
            except Exception as error:
                text = " ".join(str(error).split())[:200]
                raise ModelError(
                    f"inputs.{name}: the model's layer '{layer.name}' looks nothing up ({text}); what an adapted layer"
                    " has learned is kept in a .keras file, not in .h5"
                ) from error
        return np.asarray(keras.ops.convert_to_numpy(result))


def _id_words(row: np.ndarray, verb: str = "has ") -> str:
    if row.ndim == 0:
        return f"{verb and 'has id '}{row.item()}"
    return f"{verb and 'gives '}{row.tolist()}"


def _shown_shape(rows: np.ndarray) -> str:
    return "one number" if rows.ndim == 1 else f"of shape {list(rows.shape[1:])}"
