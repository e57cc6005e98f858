"""Images: pixels in lists, nested or flat, or a PNG's bytes, into the shape that the model takes."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.list_columns import cells_of, is_missing, numbers_of
from ig_tasks.data.reasons import mark
from ig_tasks.errors import DataError

__all__ = ["encode_image"]


def encode_image(column: pd.Series, spec: InputSpec, reasons: np.ndarray) -> np.ndarray:
    """(rows, *shape): pixels times `scale`.

    A row is left out when its image is missing, of another size, or holds a number that is not finite. Nothing is
    resized: the model was trained on images that were prepared in one way, and this would be another.

    Raises:
        DataError: for bytes where Pillow is not installed.
    """
    cells = cells_of(column)
    array = np.zeros((len(cells), *spec.row_shape), dtype=spec.dtype)
    why = np.full(len(cells), None, dtype=object)
    # One image after the other: images of a shard in float64 would take twice what the model's own take.
    with np.errstate(over="ignore"):
        for row, cell in enumerate(cells):
            pixels = _pixels(cell, spec, str(column.name))
            if isinstance(pixels, str):
                why[row] = pixels
            else:
                array[row] = pixels * spec.scale
    mark(reasons, ~np.asarray(pd.isna(why)), why)
    numbers = array.reshape(len(cells), int(np.prod(spec.row_shape)))
    mark(reasons, np.asarray(~np.isfinite(numbers).all(axis=1)), f"value in {column.name} is not finite")
    return array


def _pixels(cell: Any, spec: InputSpec, column: str) -> np.ndarray | str:
    """The image in the model's shape, or why it cannot be made."""
    if is_missing(cell):
        return f"missing value in {column}"
    # As the data sets of the Hub keep images: the file's bytes beside its path.
    cell = cell["bytes"] if isinstance(cell, dict) and cell.get("bytes") is not None else cell
    pixels = _decoded(cell) if isinstance(cell, bytes) else numbers_of(cell)
    if pixels is None:
        return f"no image in {column}"
    shape = spec.shape or ()
    if pixels.shape in (shape, (int(np.prod(shape)),)):
        return pixels.reshape(shape)
    if len(shape) == 3:
        axis = 0 if spec.channels == "first" else 2
        if pixels.ndim == 2 and shape[axis] == 1:
            pixels = np.expand_dims(pixels, axis)
        elif pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 2, 0) if axis == 0 else np.moveaxis(pixels, 0, 2)
    elif pixels.ndim == 3 and 1 in (pixels.shape[0], pixels.shape[2]):
        pixels = pixels.squeeze(2 if pixels.shape[2] == 1 else 0)
    if pixels.shape != shape:
        size = " x ".join(map(str, numbers_shape(cell, pixels)))
        return f"image of {size} in {column}, the model takes {' x '.join(map(str, shape))}"
    return pixels


def numbers_shape(cell: Any, pixels: np.ndarray) -> tuple[int, ...]:
    """The image's shape as it was given."""
    raw = None if isinstance(cell, bytes) else numbers_of(cell)
    return pixels.shape if raw is None else raw.shape


def _decoded(data: bytes) -> np.ndarray | None:
    """Height, width and channels of an encoded image; None for bytes that are not an image."""
    try:
        image = import_module("PIL.Image")
    except ImportError:
        raise DataError("an image's bytes need the package Pillow; pip install 'ig-tasks[images]'") from None
    try:
        with image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            shown = opened.convert("RGB") if opened.mode == "P" else opened
            return np.asarray(shown, dtype=np.float64)
    except (OSError, SyntaxError, ValueError):
        return None
