"""Sorted numbers behind the secant rule: a network of comparisons of two.

Each comparison is followed as a ReLU is: a cell is complete to rounding, and every kink is seen. Where two
numbers tie all along the path, each of them keeps the place that the network gives it; TensorFlow's own gradient may
give them the other way round.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.slopes import largest
from ig_tasks.attribution.sorting import network

__all__ = ["descending"]


def descending(nodes: Any, z: Any) -> tuple[Any, list[list[Any]]]:
    """The last axis from its largest to its smallest, and by round how far the second of each pair leads."""
    count, leads = int(z.shape[-1]), []
    for first, second in network(count):
        left = [place for place in range(count) if place not in first and place not in second]
        p, q = tf.gather(z, first, axis=-1), tf.gather(z, second, axis=-1)
        leads.append([q - p])
        # The numbers themselves, not p + relu(q - p), which loses q beside a number that masks a place (-1e9).
        parts = [largest(nodes, tf.maximum, p, q, 1.0), largest(nodes, tf.minimum, q, p, -1.0)]
        parts += [tf.gather(z, left, axis=-1)] if left else []
        held = [*first, *second, *left]
        z = tf.gather(tf.concat(parts, -1), [held.index(place) for place in range(count)], axis=-1)
    return z, leads
