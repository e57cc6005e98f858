"""Batches cover rows x nodes once, within the limit; out of memory halves them."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.attribution.batches import Batches, Rectangle
from ig_tasks.errors import InputError, ResourceError


def covered(batches: Batches, rows: int, nodes: int, most: int | None = None) -> np.ndarray:
    """How often each (row, node) is evaluated, on a machine that holds `most` points."""
    times = np.zeros((rows, nodes), int)

    def evaluate(part: Rectangle) -> None:
        if most is not None and part.points > most:
            raise MemoryError
        times[part.row : part.row_end, part.node : part.node_end] += 1

    batches.run(rows, nodes, evaluate)
    return times


def is_memory_error(error: BaseException) -> bool:
    return isinstance(error, MemoryError)


@pytest.mark.parametrize(("rows", "nodes", "limit"), [(10, 4, 12), (1, 100, 7), (3, 5, 1), (7, 1, 100), (5, 8, 20)])
def test_every_point_once_within_the_limit(rows: int, nodes: int, limit: int) -> None:
    batches = Batches(limit, is_memory_error)
    assert (covered(batches, rows, nodes) == 1).all()
    assert batches.largest <= limit


def test_out_of_memory_halves_and_goes_on() -> None:
    batches = Batches(64, is_memory_error)
    assert (covered(batches, 20, 8, most=10) == 1).all()
    assert batches.largest <= 10
    assert batches.limit <= 10
    assert batches.halvings > 0


def test_the_lower_limit_is_kept_for_what_follows() -> None:
    batches = Batches(64, is_memory_error)
    covered(batches, 20, 8, most=10)
    before = batches.halvings
    covered(batches, 20, 8, most=10)
    assert batches.halvings == before


def test_one_point_too_many_is_a_resource_error() -> None:
    with pytest.raises(ResourceError, match="one row at one node"):
        covered(Batches(8, is_memory_error), 2, 2, most=0)


def test_other_errors_pass() -> None:
    def broken(part: Rectangle) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Batches(8, is_memory_error).run(2, 2, broken)


def test_memory_limit_bounds_the_batch() -> None:
    assert Batches.within(10_000, 100, None, is_memory_error).limit == 100
    assert Batches.within(10_000, 100, 450, is_memory_error).limit == 4
    assert Batches.within(10_000, 100, 10**9, is_memory_error).limit == 100
    with pytest.raises(InputError, match="memory_limit: 50 bytes do not hold one row"):
        Batches.within(10_000, 100, 50, is_memory_error)


def test_a_few_points_that_fill_the_cache_make_a_batch_all_the_same() -> None:
    assert Batches.within(10_000, 5_000, None, is_memory_error).limit == 32
    assert Batches.within(10_000, 5_000, 100_000, is_memory_error).limit == 20
    assert Batches.within(10_000, 1 << 50, None, is_memory_error).limit == 1  # more than there is


def test_counts_of_lanes_add_up() -> None:
    own, other = Batches(8, is_memory_error, count=2, largest=8), Batches(2, is_memory_error, 3, 1, 5)
    own.add(other)
    assert (own.count, own.halvings, own.largest, own.limit) == (5, 1, 8, 2)
