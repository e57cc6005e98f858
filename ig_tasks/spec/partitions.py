"""Partition expressions: `2013-10`, `2013-01..2013-09`, `all`."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from datetime import date, timedelta

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


PartitionOrder = tuple[int, float, tuple[str | int, ...], str]


def partition_order(partition: str) -> PartitionOrder:
    """What orders partitions: numbers by size, other names as people count (`week 9` before `week 10`), `all` first.

    A range counts as its last partition.

    >>> sorted(["10", "9", "all", "2013-10", "2013-9", "-1"], key=partition_order)
    ['all', '-1', '9', '10', '2013-9', '2013-10']
    """
    last = partition.rpartition("..")[2]
    if last == ALL:
        return 0, 0.0, (), ""
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", last):
        return 1, float(last), (), last
    parts = re.split(r"([0-9]+)", last)
    return 2, 0.0, tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), last


def select_partitions(expression: str | None, present: Sequence[str]) -> list[str]:
    """The partitions that an expression names, out of those present, in order.

    Args:
        expression: None or `all`, one value, or `first..last` (both included, in the order of `partition_order`).
        present: the values there are, in that order.

    Raises:
        PartitionError: if none is there, listing those present.
    """
    text = format_partition(expression)
    if text == ALL:
        return list(present)
    first, dots, last = text.partition("..")
    ends = partition_order(first), partition_order(last)
    within = [value for value in present if ends[0] <= partition_order(value) <= ends[1]]
    chosen = within if dots else [value for value in present if value == text]
    if not chosen:
        listed = ", ".join(present[:24]) + (" ..." if len(present) > 24 else "")
        raise PartitionError(f"partition {text!r} is not in the data; partitions: {listed or 'none'}")
    return chosen


def with_gaps(partitions: Sequence[str], *, most: int) -> list[str]:
    """The partitions, and those missing between them where they are years, months or days at a steady pace.

    Args:
        most: beyond so many nothing is filled in.

    >>> with_gaps(["2013-11", "2014-01", "2014-02"], most=9)
    ['2013-11', '2013-12', '2014-01', '2014-02']
    """
    for pattern, to_number, to_text in (
        (r"\d{4}", int, str),
        (r"\d{4}-(0[1-9]|1[0-2])", _month, _month_text),
        (r"\d{4}-\d{2}-\d{2}", _day, _day_text),
    ):
        if all(re.fullmatch(pattern, name) for name in partitions):
            try:
                places = [to_number(name) for name in partitions]
            except ValueError:
                break
            steps = [after - before for before, after in itertools.pairwise(places)]
            step = math.gcd(*steps) if steps else 1
            count = (places[-1] - places[0]) // max(step, 1) + 1
            if count > most:
                break
            return [to_text(places[0] + step * place) for place in range(count)]
    return list(partitions)


def _month(text: str) -> int:
    return int(text[:4]) * 12 + int(text[5:]) - 1


def _month_text(place: int) -> str:
    return f"{place // 12:04d}-{place % 12 + 1:02d}"


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def _day_text(place: int) -> str:
    return (date.min + timedelta(days=place - 1)).isoformat()
