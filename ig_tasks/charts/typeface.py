"""The font of pages and charts: one for whoever draws and whoever reads, so that what was laid out fits.

A chart is laid out with the widths of the whole font, and a page carries those parts of it that hold its characters.
Where a text has letters that the font lacks, their width is the reader's font's: room is kept for wide ones.
"""

from __future__ import annotations

import base64
import threading
import unicodedata
from functools import lru_cache
from pathlib import Path

__all__ = ["FAMILY", "FONTS", "PARTS", "WEIGHTS", "cut", "estimate", "font_faces", "register", "room"]

FAMILY = "Report Sans"
FONTS = Path(__file__).parent / "fonts"
PARTS = {
    # What a page's own words and numbers are made of; ranges include their ends.
    "latin": [(0x20, 0xFF), (0x131, 0x131), (0x152, 0x153), (0x2BB, 0x2DD), (0x2000, 0x22FF), (0x2500, 0x25FF)],
    "latin_extended": [
        (0x100, 0x130), (0x132, 0x151), (0x154, 0x2BA), (0x2DE, 0x36F), (0x1D00, 0x1EFF), (0xA720, 0xA7FF),
    ],
    "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "cyrillic": [(0x400, 0x52F), (0x2DE0, 0x2DFF)],
}  # fmt: skip
WEIGHTS = {"regular": "400", "bold": "600 900"}
_USUAL, _UNKNOWN = 0.6, 0.8
"""Widths of a letter in ems: most of the font's are less than the first."""
_registered = threading.Lock()
_done = False


def font_faces(text: str) -> str:
    """The `@font-face` rules for a page of this text: every part that holds one of its characters, and `latin`."""
    codes = {ord(letter) for letter in set(text)}
    wanted = [name for name, ranges in PARTS.items() if name == "latin" or _any_within(codes, ranges)]
    return "\n".join(_font_face(weight, name) for name in wanted for weight in WEIGHTS)


def _any_within(codes: set[int], ranges: list[tuple[int, int]]) -> bool:
    return any(first <= code <= last for code in codes for first, last in ranges)


@lru_cache(maxsize=16)
def _font_face(weight: str, part: str) -> str:
    font = base64.b64encode((FONTS / f"{weight}_{part}.woff2").read_bytes()).decode("ascii")
    ranges = ", ".join(f"U+{first:X}-{last:X}" for first, last in PARTS[part])
    return (
        f'@font-face {{ font-family: "{FAMILY}"; font-weight: {WEIGHTS[weight]}; unicode-range: {ranges}; '
        f'src: url("data:font/woff2;base64,{font}") format("woff2"); }}'
    )


def register() -> None:
    """Tell vl-convert of the font, once per process."""
    import vl_convert

    global _done
    with _registered:
        if not _done:
            vl_convert.register_font_directory(str(FONTS))
            _done = True


def room(text: str, size: float) -> float:
    """The width in pixels to keep for a text with letters that the font lacks; 0 where it has them all."""
    return 0.0 if all(map(_font_has, text)) else estimate(text, size)


def estimate(text: str, size: float) -> float:
    """About how many pixels a text is wide, rather too many than too few."""
    return size * sum(_USUAL if _font_has(letter) else _ems(letter) for letter in text)


def cut(text: str, size: float, limit: float) -> str:
    """`text`, cut short where letters that the font lacks make it wider than `limit` pixels.

    The chart library cuts the others itself, as it knows their widths.
    """
    if room(text, size) <= limit:
        return text
    start = text
    while start and room(start, size) > limit - size:
        start = start[:-1]
    return f"{start.rstrip()}…"


def _font_has(letter: str) -> bool:
    code = ord(letter)
    return any(first <= code <= last for ranges in PARTS.values() for first, last in ranges)


def _ems(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(letter) in "WF" else _UNKNOWN
