"""An image explained: baseline, original, mask and overlay side by side."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.charts.written import Written, field
from ig_tasks.presentation.colours import FAINT, INK, LOWERS, RAISES, rgb

__all__ = ["Panel", "mask_of", "overlay_of", "picture_panels", "png_of"]

_SIDE, _GAP, _HEAD = 172, 14, 22
_PIXELS = 344
"""Points of a panel's longer side, at least: an image of few pixels is enlarged as squares, never blurred."""
Pixels = NDArray[np.uint8]


class Panel(NamedTuple):
    """A picture and what stands above it."""

    title: str
    pixels: Pixels
    """(height, width, 3)."""


def picture_panels(
    panels: Sequence[Panel], cells: NDArray[np.float64], units: str, *, row: str, name: str = "", rows: int = 400
) -> Chart:
    """The panels from left to right.

    Args:
        panels: of one shape.
        cells: (height, width) attributions, for the table.
        units: what they are counted in.
        row: how the row is called in the text alternative.
        name: the input's.
        rows: pixels in the table, the strongest.
    """
    height, width = panels[0].pixels.shape[:2]
    wide = _SIDE if width >= height else max(1, round(_SIDE * width / height))
    high = _SIDE if height >= width else max(1, round(_SIDE * height / width))
    data = [
        {"x": place * (wide + _GAP), "y": _HEAD, "title": panel.title, "picture": _data_uri(panel.pixels)}
        for place, panel in enumerate(panels)
    ]
    legend_at = _HEAD + high + 18
    full = max(len(panels) * (wide + _GAP) - _GAP, 300)
    legend = [
        {"x": 7, "y": legend_at, "text": "raises the output", "colour": RAISES},
        {"x": 150, "y": legend_at, "text": "lowers it", "colour": LOWERS},
    ]
    tall = legend_at + 12
    x = {"title": None, "axis": None, "scale": {"domain": [0, full], "nice": False, "zero": False}}
    y = {"title": None, "axis": None, "scale": {"domain": [tall, 0], "nice": False, "zero": False}}
    at = {"x": field("x:Q", **x), "y": field("y:Q", **y)}
    layers: list[dict[str, Any]] = [
        {
            "data": {"name": "panels"},
            "mark": {"type": "image", "width": wide, "height": high, "align": "left", "baseline": "top"},
            "encoding": {**at, "url": field("picture:N")},
        },
        {
            "data": {"name": "panels"},
            "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -5, "fontSize": 12, "color": INK},
            "encoding": {**at, "text": field("title:N")},
        },
        {
            "data": {"name": "legend"},
            "mark": {"type": "point", "shape": "square", "filled": True, "size": 120, "opacity": 1},
            "encoding": {**at, "color": field("colour:N", scale=None)},
        },
        {
            "data": {"name": "legend"},
            "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 12, "fontSize": 12, "color": INK},
            "encoding": {**at, "text": field("text:N")},
        },
    ]
    order = np.argsort(-np.abs(cells).ravel(), kind="stable")[:rows]
    table = tuple(
        {"row": int(k // cells.shape[1]), "column": int(k % cells.shape[1]), "attribution": float(cells.ravel()[k])}
        for k in order
    )
    what = f" '{name}'" if name else ""
    words = (
        f"Image{what} of row {row}, {width} x {height} pixels: {', '.join(panel.title for panel in panels)}; orange "
        f"raises the output, blue lowers it{f', in {units}' if units else ''}. The strongest pixels are in the table."
    )
    drawn = Written(layers, {"panels": data, "legend": legend}, {})
    return Chart(drawn, words, table, Frame(1, width=full, tall=tall + 16))


def mask_of(cells: NDArray[np.float64], extreme: float) -> Pixels:
    """Attributions (height, width) as pixels: orange and blue on white, full colour at `extreme`."""
    return _blended(cells, extreme, np.full((*cells.shape, 3), 255.0))


def overlay_of(cells: NDArray[np.float64], extreme: float, picture: Pixels) -> Pixels:
    """The same over the picture in pale grey, so that no colour of its own is taken for an attribution."""
    grey = picture.astype(float) @ np.array([0.299, 0.587, 0.114])
    pale = 255.0 - 0.55 * (255.0 - grey)
    return _blended(cells, extreme, np.repeat(pale[..., None], 3, axis=2))


def _blended(cells: NDArray[np.float64], extreme: float, under: NDArray[np.float64]) -> Pixels:
    share = np.clip(np.abs(cells) / (extreme or 1.0), 0.0, 1.0)[..., None]
    colour = np.where((cells > 0)[..., None], np.array(rgb(RAISES), float), np.array(rgb(LOWERS), float))
    return np.rint(share * colour + (1.0 - share) * under).astype(np.uint8)


def png_of(pixels: Pixels) -> bytes:
    """(height, width, 3) as PNG, without a library for images."""
    height, width = pixels.shape[:2]
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _data_uri(pixels: Pixels) -> str:
    times = max(1, -(-_PIXELS // max(pixels.shape[:2])))
    large = pixels.repeat(times, axis=0).repeat(times, axis=1)
    framed = large.copy()
    line = np.array(rgb(FAINT), np.uint8)
    framed[:1], framed[-1:], framed[:, :1], framed[:, -1:] = line, line, line, line
    return f"data:image/png;base64,{base64.b64encode(png_of(framed)).decode('ascii')}"
