"""Max-pooling and maxima over axes: where their kinks are. A maximum of several is a tournament of pairs."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.slopes import apart, custom, padded, relu_cells

__all__ = ["Windows", "leads", "max_pool", "rounds"]


@dataclass(frozen=True)
class Windows:
    """Windows over the axes between the rows and the channels of a tensor, one number an axis."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    same: bool  # the border is padded, so that every stride begins a window

    @classmethod
    def of(cls, operation: Any) -> Windows | None:
        """The windows of a max-pooling of TensorFlow's; None where its axes come in another order."""
        last = operation.get_attr("data_format") in (b"NHWC", b"NDHWC")
        padding = operation.get_attr("padding")
        if not last or padding not in (b"SAME", b"VALID"):
            return None
        size, stride = (tuple(int(each) for each in operation.get_attr(name)) for name in ("ksize", "strides"))
        if any(each[place] != 1 for each in (size, stride) for place in (0, -1)):
            return None
        return cls(size[1:-1], stride[1:-1], padding == b"SAME")

    @property
    def rounds(self) -> int:
        """Rounds of comparisons until one element of a window is left."""
        return rounds(math.prod(self.size))

    def members(self, z: Any) -> list[Any]:
        """Views of `z`, one for each place within a window, each in the shape of the result."""
        z, counts = self._whole(z)
        if self.size == self.stride:  # laid side by side, of which the way back is cheap
            dims = itertools.chain(*zip(counts, self.size, strict=True))
            views = [tf.reshape(z, (-1, *dims, z.shape[-1]))]
            for axis in range(len(self.size)):
                views = [part for view in views for part in tf.unstack(view, axis=axis + 2)]
            return views
        views = []
        for offset in itertools.product(*(range(size) for size in self.size)):
            steps = [
                slice(place, place + (count - 1) * stride + 1, stride)
                for place, count, stride in zip(offset, counts, self.stride, strict=True)
            ]
            views.append(z[(slice(None), *steps, slice(None))])
        return views

    def _whole(self, z: Any) -> tuple[Any, list[int]]:
        """`z` with a border that never wins, and without what no window reaches; how many windows an axis has."""
        counts, pads, kept = [], [], []
        for length, size, stride in zip(z.shape[1:-1], self.size, self.stride, strict=True):
            count = -(-length // stride) if self.same else (length - size) // stride + 1
            reach = (count - 1) * stride + size
            missing = max(0, reach - length)
            counts.append(count)
            pads.append([missing // 2, missing - missing // 2])
            kept.append(slice(0, reach if length > reach else None))
        if any(each.stop is not None for each in kept):
            z = z[(slice(None), *kept, slice(None))]
        if any(sum(pad) for pad in pads):
            z = tf.pad(z, [[0, 0], *pads, [0, 0]], constant_values=z.dtype.min / 4)
        return z, counts

    def leads(self, z: Any) -> list[list[Any]]:
        """By round of a window's tournament how far the second of each pair leads; 0 where one of them is border."""
        beyond = tf.constant(z.dtype.max / 64, z.dtype)
        zero = tf.zeros((), z.dtype)
        return [[tf.where(tf.abs(lead) > beyond, zero, lead) for lead in each] for each in _rounds(self.members(z))[0]]


def max_pool(nodes: Any, windows: Windows, z: Any) -> Any:
    """max(p, q) = p + relu(q - p): of the gradient over a cell, the share of it in which q leads goes to q.

    Where the two tie all along the path (alike pixels), the first has it all, as in TensorFlow's own backward pass.

    Pair by pair the cell is complete to rounding, as it is for ReLU.
    """

    @custom
    def run(z: Any) -> Any:
        rounds, value = _rounds(windows.members(z))

        def back(upstream: Any) -> Any:
            n = apart(upstream, nodes)
            flows = [upstream[:-n]]
            for leads in reversed(rounds):
                second = [flow * relu_cells(lead[:-n], lead[n:]) for flow, lead in zip(flows, leads, strict=False)]
                split = [part for q, flow in zip(second, flows, strict=False) for part in (flow - q, q)]
                flows = split + flows[len(leads) :]
            cells = z[:-n]
            with tf.GradientTape() as tape:
                tape.watch(cells)
                members = windows.members(cells)
            return padded(tape.gradient(members, cells, output_gradients=flows), n)

        return value, back

    return run(z)


def _rounds(players: list[Any]) -> tuple[list[list[Any]], Any]:
    """How far the second of each pair leads, round by round, and the winner."""
    found = []
    while len(players) > 1:
        pairs = list(zip(players[::2], players[1::2], strict=False))
        found.append([q - p for p, q in pairs])
        players = [tf.maximum(p, q) for p, q in pairs] + players[2 * len(pairs) :]
    return found, players[0]


def rounds(count: int) -> int:
    """Rounds of comparisons until one of `count` is left."""
    return (count - 1).bit_length()


def leads(z: Any) -> list[list[Any]]:
    """By round of a tournament over the last axis how far the second of each pair leads: half against the other half.

    All kinks of the maximum are among their zeros.
    """
    found = []
    count = int(z.shape[-1])
    while count > 1:
        half = count // 2
        p, q = z[..., :half], z[..., half : 2 * half]
        found.append([q - p])
        z = tf.concat([tf.maximum(p, q), z[..., 2 * half :]], -1)
        count -= half
    return found
