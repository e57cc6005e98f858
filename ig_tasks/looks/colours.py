"""The colours of page, charts, shading, terminal and notebook: what raises has one, what lowers has another.

Orange and blue are told apart by every common kind of colour-blindness, and can be read on white and on black.
"""

from __future__ import annotations

__all__ = ["ACCENT", "FAINT", "GRID", "INK", "LOWERS", "MIDDLE", "PALE", "RAISES", "effect_colour", "rgb"]

RAISES, LOWERS = "#b5520b", "#2a66ad"
INK, FAINT, GRID = "#1d252c", "#5b6770", "#e4e8eb"
ACCENT, MIDDLE, PALE = "#17616b", "#5aa3ab", "#f3f8f8"
"""Of sizes without a sign: bars, the middle half of a box and the darkest cell of a heat map, its lightest."""


def effect_colour(figure: float | None) -> str:
    """The colour of what raises or lowers; of nothing, that of faint words.

    >>> effect_colour(0.1) == RAISES, effect_colour(-0.1) == LOWERS, effect_colour(0.0) == FAINT
    (True, True, True)
    """
    if not figure:
        return FAINT
    return RAISES if figure > 0 else LOWERS


def rgb(colour: str) -> tuple[int, int, int]:
    """Its red, green and blue, 0 to 255.

    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
