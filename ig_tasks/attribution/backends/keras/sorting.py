"""Sorted numbers behind the secant rule: a network of comparisons of two.

Each comparison is followed as a ReLU is: a cell is complete to rounding, and every kink is seen. Where two
numbers tie all along the path, each of them keeps the place that the network gives it; TensorFlow's own gradient may
give them the other way round.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.keras.slopes import largest
from ig_tasks.attribution.sorting_network import network

__all__ = ["descending"]


def descending(nodes: Any, z: Any) -> tuple[Any, list[list[Any]]]:
    """The last axis from its largest to its smallest, and by round how far the second of each pair leads."""
    numbers, leads = tf.unstack(z, axis=-1), []  # taken apart and put together: a gather's gradient is many operations
    for first, second in network(len(numbers)):
        p, q = (tf.stack([numbers[place] for place in places], -1) for places in (first, second))
        leads.append([q - p])
        # The numbers themselves, not p + relu(q - p), which loses q beside a number that masks a place (-1e9).
        larger, smaller = largest(nodes, tf.maximum, p, q, 1.0), largest(nodes, tf.minimum, q, p, -1.0)
        for places, ordered in ((first, larger), (second, smaller)):
            for place, number in zip(places, tf.unstack(ordered, axis=-1), strict=True):
                numbers[place] = number
    return tf.stack(numbers, -1), leads
