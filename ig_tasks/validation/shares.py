"""How many of those that were judged are as they should be, in words."""

from __future__ import annotations

__all__ = ["all_but"]


def all_but(failed: int, judged: int) -> str:
    """`all but 3 of 100`, or the words for none and for all.

    >>> all_but(3, 28454), all_but(0, 28454), all_but(7, 7), all_but(0, 0)
    ('all but 3 of 28,454', 'all 28,454', 'none of 7', 'no row to judge')
    """
    if not judged:
        return "no row to judge"
    if not failed:
        return f"all {judged:,}"
    return f"none of {judged:,}" if failed == judged else f"all but {failed:,} of {judged:,}"
