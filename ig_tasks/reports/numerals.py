"""Numbers as people read them: four significant digits, thousands separators, a real minus sign."""

from __future__ import annotations

import math
import re

__all__ = [
    "MISSING", "apart", "beside", "chance", "count", "counted", "duration", "exact", "interval", "number", "share",
    "value",
]  # fmt: skip

MISSING = "–"
_MINUS = "\u2212"
_SPACE = "\u00a0"
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _signed(text: str) -> str:
    return text.replace("-", _MINUS)


def number(figure: float | None, digits: int = 4) -> str:
    """`figure` with `digits` significant digits; a dash for None.

    >>> number(1234.5678), number(0.0123456), number(-2.0), number(1.5e-7)
    ('1,235', '0.01235', '−2.000', '1.500 × 10⁻⁷')
    """
    if figure is None or not math.isfinite(figure):
        return MISSING
    if figure == 0:
        return "0"
    mantissa, _, power = f"{figure:.{digits - 1}e}".partition("e")
    exponent = int(power)
    if exponent < -4 or exponent > 8:
        return f"{_signed(mantissa)}{_SPACE}×{_SPACE}10{str(exponent).translate(_SUPERSCRIPT)}"
    return _signed(f"{figure:,.{max(digits - 1 - exponent, 0)}f}")


def chance(probability: float | None) -> str:
    """` (probability 0.2120)` to stand behind log-odds; empty where they say none."""
    return "" if probability is None else f" (probability {number(probability)})"


def count(figure: float | None) -> str:
    """A number of things.

    >>> count(327346)
    '327,346'
    """
    return MISSING if figure is None else _signed(f"{round(figure):,}")


def counted(things: int, noun: str) -> str:
    """So many of them, the noun in its number.

    >>> counted(1, "row"), counted(4527, "row")
    ('1 row', '4,527 rows')
    """
    return f"{count(things)} {noun}" if things == 1 else f"{count(things)} {noun}s"


def share(part: float | None) -> str:
    """A share as a percentage that never rounds to all or nothing when it is neither.

    >>> share(1.0), share(0.99996), share(0.5), share(0.0)
    ('100 %', '99.996 %', '50.0 %', '0 %')
    """
    if part is None or not math.isfinite(part):
        return MISSING
    if part in (0.0, 1.0):
        return f"{part * 100:.0f}{_SPACE}%"
    for decimals in (1, 2, 3, 4, 5, 6):
        text = f"{part * 100:.{decimals}f}"
        if float(text) not in (0.0, 100.0):
            return _signed(f"{text}{_SPACE}%")
    return f"under 0.000001{_SPACE}%" if part < 0.5 else f"over 99.999999{_SPACE}%"


def interval(low: float | None, high: float | None) -> str:
    """Two ends of an interval.

    >>> interval(0.25, 0.5), interval(None, 1.0)
    ('0.2500 to 0.5000', '–')
    """
    if low is None or high is None:
        return MISSING
    return f"{number(low)} to {number(high)}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them.

    >>> duration(0.25), duration(6.51), duration(125), duration(7325)
    ('0.25 s', '6.5 s', '2 min 5 s', '2 h 2 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.{2 if seconds < 1 else 1}f}{_SPACE}s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_SPACE}min {left}{_SPACE}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_SPACE}h {minutes}{_SPACE}min"


def value(content: bool | float | str | None) -> str:
    """What a column held, or a check saw: whole numbers and words as they are, other numbers rounded.

    >>> value(42), value(42.0), value(0.123456), value(0.5), value("UA"), value(None), value(True)
    ('42', '42', '0.1235', '0.5', 'UA', '–', 'yes')
    """
    if content is None:
        return MISSING
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, str):
        return content
    # A year or a flight number is no quantity: no separators below five digits.
    if float(content).is_integer() and abs(content) < 1e15:
        return _signed(f"{int(content)}" if abs(content) < 10_000 else f"{int(content):,}")
    # 0.99996 is not 1: a check that just failed must not read as if it had passed.
    text = next((text for digits in range(4, 10) if not _is_whole(text := number(content, digits))), number(content))
    return _without_trailing_zeros(text)


def apart(content: bool | float | str | None, other: object) -> str:
    """`value(content)`, with as many digits as it takes to read otherwise than the numbers in `other`.

    >>> apart(0.949996, "at least 0.95"), apart(0.95, "at least 0.95"), apart(1, "at least 0.95")
    ('0.949996', '0.95', '1')
    """
    written = value(content)
    if content is None or isinstance(content, bool | str) or not math.isfinite(content):
        return written
    known = [float(text) for text in _NUMBERS.findall(str(other))]
    if content in known or _as_number(written) not in known:
        return written
    texts = (_without_trailing_zeros(number(content, digits)) for digits in range(5, 17))
    return next((text for text in texts if _as_number(text) not in known), written)


def exact(threshold: float) -> str:
    """A number that somebody has set, such as a threshold: to its last digit.

    >>> exact(0.5), exact(600.25), exact(0.97025794), exact(-3)
    ('0.5', '600.25', '0.97025794', '−3')
    """
    written = value(threshold)
    return written if "×" in written or _as_number(written) == threshold else _signed(repr(float(threshold)))


def beside(content: float, limit: float) -> str:
    """`value(content)`, with as many digits as it takes to read on its own side of `exact(limit)`.

    >>> beside(0.970344, 0.97031), beside(600.26, 600.25), beside(600.24, 600.25), beside(0.7, 0.5)
    ('0.97034', '600.3', '600.2', '0.7')
    """
    side = (content > limit) - (content < limit)
    for text in (value(content), *(_without_trailing_zeros(number(content, digits)) for digits in range(5, 18))):
        read = _as_number(text)
        if read is not None and (read > limit) - (read < limit) == side:
            return text
    return value(content)


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(_MINUS, "-").replace(",", ""))
    except ValueError:
        return None


def _without_trailing_zeros(text: str) -> str:
    return text if "×" in text or "." not in text else text.rstrip("0").rstrip(".")


def _is_whole(text: str) -> bool:
    return not text.partition(".")[2].strip("0")
