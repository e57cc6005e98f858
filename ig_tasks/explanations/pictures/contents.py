"""Pictures of what a row holds: its words shaded, its image with the mask over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts import Chart
from ig_tasks.charts.picture_panels import Panel, mask_of, overlay_of, picture_panels
from ig_tasks.charts.shaded_words import shaded_words
from ig_tasks.errors import InputError
from ig_tasks.presentation.shading import joined

__all__ = ["image_of", "text_of"]

_WORDS = 300
_CHANNELS = (1, 3, 4)
_EXTREME = 0.99
"""The quantile of |attribution| that has the full colour: one pixel far above the others would leave them white."""


def text_of(words: Sequence[tuple[str, float]], units: str, *, row: str, note: str, name: str) -> Chart:
    """The words of a row; pieces of one word are put together.

    Raises:
        InputError: where there are none.
    """
    whole = [(word, float(size or 0.0)) for word, size in joined(words)]
    if not whole:
        raise InputError(f"text: row {row} has no words")
    chart = shaded_words(whole[:_WORDS], units, row=row)
    left = len(whole) - _WORDS
    notes = (f"The first {_WORDS} of {len(whole):,} words.",) if left > 0 else ()
    heading = f"Row {row}{f': {name}' if name else ''}"
    return replace(chart, heading=heading, notes=(*notes, note) if note else notes)


def image_of(
    picture: NDArray[Any],
    baseline: NDArray[Any] | None,
    parts: NDArray[np.float64],
    units: str,
    *,
    row: str,
    name: str,
    note: str,
) -> Chart:
    """Baseline, original, mask and overlay side by side.

    Args:
        picture, baseline: (height, width), or with channels last or first; the baseline None where it is no image.
        parts: attributions of the picture's shape.

    Raises:
        InputError: for what has not the shape of an image.
    """
    axis = _channels_axis(picture.shape)
    cells = parts if axis is None else parts.sum(axis=axis)
    if not np.isfinite(cells).all():
        raise InputError(f"image: row {row} was not explained")
    own = [picture.astype(float)] + ([] if baseline is None else [baseline.astype(float)])
    low, high = _range(own)
    original, *start = (_pixels(one, axis, low, high) for one in own)
    extreme = float(np.quantile(np.abs(cells), _EXTREME)) or float(np.abs(cells).max(initial=0.0))
    panels = [Panel("baseline", start[0])] if start else []
    panels += [
        Panel("original", original),
        Panel("attribution mask", mask_of(cells, extreme)),
        Panel("overlay", overlay_of(cells, extreme, original)),
    ]
    chart = picture_panels(panels, cells, units, row=row, name=name)
    heading = f"Row {row}{f': {name}' if name else ''}"
    return replace(chart, heading=heading, notes=(note,) if note else ())


def _channels_axis(shape: tuple[int, ...]) -> int | None:
    """The axis of the channels; None where there is none. Raises InputError."""
    if len(shape) == 2:
        return None
    if len(shape) == 3 and shape[-1] in _CHANNELS:
        return 2
    if len(shape) == 3 and shape[0] in _CHANNELS:
        return 0
    raise InputError(
        f"image: an input of shape {shape} per row is no image; height x width, with 1, 3 or 4 channels last or first"
    )


def _range(pictures: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """What is black and what is white: 0 and 1, or 0 and 255, where all lie between, else the extremes."""
    known = np.concatenate([picture[np.isfinite(picture)].ravel() for picture in pictures])
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if low >= 0.0 and high <= 255.0 and high > 16.0:
        return 0.0, 255.0
    return low, high


def _pixels(picture: NDArray[np.float64], axis: int | None, low: float, high: float) -> NDArray[np.uint8]:
    """(height, width, 3)."""
    channels = picture[..., None] if axis is None else np.moveaxis(picture, axis, -1)
    colours = channels[..., :3] if channels.shape[-1] >= 3 else np.repeat(channels[..., :1], 3, axis=-1)
    shares = (np.nan_to_num(colours) - low) / ((high - low) or 1.0)
    return np.rint(255.0 * np.clip(shares, 0.0, 1.0)).astype(np.uint8)
