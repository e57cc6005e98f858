"""Sorting as a fixed network of comparisons, for any framework."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["MOST_SORTED", "network"]

MOST_SORTED = 64
"""Numbers up to which a sorting network has few enough comparisons."""


@lru_cache(maxsize=128)
def network(count: int) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Rounds of comparisons (first places, second places) that do not touch one another.

    Batcher's odd-even merges (Knuth, "Sorting and Searching", 5.3.4).
    """
    rounds = []
    p = 1
    while p < count:
        k = p
        while k >= 1:
            pairs = [
                (i + j, i + j + k)
                for j in range(k % p, count - k, 2 * k)
                for i in range(min(k, count - j - k))
                if (i + j) // (2 * p) == (i + j + k) // (2 * p)
            ]
            rounds.append((tuple(first for first, _ in pairs), tuple(second for _, second in pairs)))
            k //= 2
        p *= 2
    return tuple(each for each in rounds if each[0])
