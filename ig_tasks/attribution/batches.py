"""Batches of rows x nodes that fit a budget, and what happens when one does not fit after all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil

from ig_tasks.errors import InputError, ResourceError

__all__ = ["Batches", "Rectangle"]

_LEAST = 32
_SHARE = 4


@dataclass(frozen=True)
class Rectangle:
    """Rows [row, row_end) at nodes [node, node_end)."""

    row: int
    row_end: int
    node: int
    node_end: int

    @property
    def points(self) -> int:
        """Points of the batch: rows times nodes."""
        return (self.row_end - self.row) * (self.node_end - self.node)

    def halves(self) -> tuple[Rectangle, Rectangle]:
        """By rows; a single row by nodes."""
        if self.row_end - self.row > 1:
            middle = (self.row + self.row_end) // 2
            return (
                Rectangle(self.row, middle, self.node, self.node_end),
                Rectangle(middle, self.row_end, self.node, self.node_end),
            )
        middle = (self.node + self.node_end) // 2
        return (
            Rectangle(self.row, self.row_end, self.node, middle),
            Rectangle(self.row, self.row_end, middle, self.node_end),
        )


@dataclass
class Batches:
    """Cuts rows x nodes into rectangles of at most `limit` points; out of memory halves the limit for good.

    `out_of_memory` tells a framework's out-of-memory error from any other.
    """

    limit: int
    out_of_memory: Callable[[BaseException], bool]
    count: int = 0
    halvings: int = 0
    largest: int = field(default=0)

    @classmethod
    def within(
        cls,
        block_bytes: int,
        bytes_per_point: int,
        memory_limit: int | None,
        out_of_memory: Callable[[BaseException], bool],
    ) -> Batches:
        """Batches whose activations take about `block_bytes`, which stay in cache, never over `memory_limit`.

        A model of which a few points fill the cache is given `_LEAST` all the same, within the limit or else within a
        quarter of the memory that is free: its matrix products are too small otherwise (MiniLM took 14 ms a point
        with 6 points per batch, and 8 ms with 32 or more).
        """
        if memory_limit is not None and memory_limit < bytes_per_point:
            raise InputError(
                f"memory_limit: {memory_limit} bytes do not hold one row, which takes about {bytes_per_point}; raise it"
            )
        room = psutil.virtual_memory().available // _SHARE if memory_limit is None else memory_limit
        points = min(max(block_bytes // max(1, bytes_per_point), _LEAST), room // max(1, bytes_per_point))
        return cls(max(1, points), out_of_memory)

    def add(self, other: Batches) -> None:
        """Count those of another thread."""
        self.count += other.count
        self.halvings += other.halvings
        self.largest = max(self.largest, other.largest)
        self.limit = min(self.limit, other.limit)

    def run(self, rows: int, nodes: int, evaluate: Callable[[Rectangle], None]) -> None:
        """Call `evaluate` on rectangles that cover rows x nodes once.

        Raises:
            ResourceError: where a single row at a single node does not fit.
        """
        for rectangle in self._plan(rows, nodes):
            self._attempt(rectangle, evaluate)

    def _plan(self, rows: int, nodes: int) -> Iterator[Rectangle]:
        row = 0
        while row < rows:
            # The limit is read anew, since running out of memory lowers it on the way.
            row_end = min(rows, row + max(1, self.limit // max(1, nodes)))
            node = 0
            while node < nodes:
                node_end = min(nodes, node + max(1, self.limit // (row_end - row)))
                yield Rectangle(row, row_end, node, node_end)
                node = node_end
            row = row_end

    def _attempt(self, rectangle: Rectangle, evaluate: Callable[[Rectangle], None]) -> None:
        try:
            evaluate(rectangle)
        except Exception as error:
            if not self.out_of_memory(error):
                raise
            if rectangle.points == 1:
                raise ResourceError(
                    "memory: the model does not fit for one row at one node; use a machine or device with more memory"
                ) from error
        else:
            self.count += 1
            self.largest = max(self.largest, rectangle.points)
            return
        # Outside the except clause: the traceback there keeps the failed batch's tensors alive.
        self.halvings += 1
        self.limit = max(1, min(self.limit, rectangle.points) // 2)
        for half in rectangle.halves():
            self._attempt(half, evaluate)
