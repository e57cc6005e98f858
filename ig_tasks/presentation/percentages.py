"""Shares as people read them, one way everywhere: the number, a space, the sign."""

from __future__ import annotations

__all__ = ["percent"]


def percent(share: float, decimals: int = 0, *, signed: bool = False) -> str:
    """A share in hundredths.

    >>> percent(0.5), percent(0.1234, 1), percent(0.25, signed=True)
    ('50 %', '12.3 %', '+25 %')
    """
    return f"{share * 100:{'+' if signed else ''}.{decimals}f} %"
