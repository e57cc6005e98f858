"""Partition expressions: `2013-10`, `2013-01..2013-09`, `all`."""

from __future__ import annotations

from collections.abc import Sequence

from ig_tasks.errors import PartitionError

ALL = "all"


def format_partition(expression: str | None) -> str:
    """The expression as it is written: `all` for none.

    Raises:
        PartitionError: if it is empty, or holds what cannot be printed.
    """
    text = expression or ALL
    if not text.isprintable() or not text.strip(" ."):
        raise PartitionError(f"partition {text!r}: write a value such as 2013-10, a range 2013-01..2013-09, or all")
    return text


def select_partitions(expression: str | None, present: Sequence[str]) -> list[str]:
    """The partitions that an expression names, out of those present, in order.

    Args:
        expression: None or `all`, one value, or `first..last` (both included, compared as text).
        present: the values there are, sorted.

    Raises:
        PartitionError: if none is there, listing those present.
    """
    text = format_partition(expression)
    if text == ALL:
        return list(present)
    first, dots, last = text.partition("..")
    chosen = [value for value in present if first <= value <= last] if dots else [v for v in present if v == text]
    if not chosen:
        listed = ", ".join(present[:24]) + (" ..." if len(present) > 24 else "")
        raise PartitionError(f"partition {text!r} is not in the data; partitions: {listed or 'none'}")
    return chosen
