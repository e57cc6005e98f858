"""Backward passes of the composite secant rule on TensorFlow. The mathematics is in `slopes`.

The batch is node-major: edge k of every row, then edge k + 1. In the backward pass block k stands for the cell
between edges k and k + 1, and the last block for nothing (its gradient is zero). With a node's rows n apart,
values at the two ends of all cells are z[:-n] and z[n:].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import tensorflow as tf  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.secant_slopes import (
    Pieces,
    close_ends,
    flip_share,
    middle,
    piecewise_slope,
    pool_share,
    smooth_slope,
    tiny,
)

__all__ = [
    "apart",
    "changes",
    "chosen",
    "custom",
    "endpoints",
    "largest",
    "leaders",
    "middles",
    "modulus",
    "padded",
    "piecewise",
    "relu_cells",
    "smooth",
    "switched",
]


custom: Callable[[Callable[..., Any]], Callable[..., Any]] = tf.custom_gradient


class _Tensors:
    """TensorFlow under the names that `slopes` calls."""

    abs, maximum, where = staticmethod(tf.abs), staticmethod(tf.maximum), staticmethod(tf.where)

    @staticmethod
    def clip(value: Any, least: float, most: float) -> Any:
        # One pass; tf.clip_by_value takes two.
        bounds = (tf.constant(bound, value.dtype) for bound in (least, most))
        return tf.raw_ops.ClipByValue(t=value, clip_value_min=next(bounds), clip_value_max=next(bounds))


def relu_cells(z0: Any, z1: Any) -> Any:
    """Slopes of a ReLU: the share of each cell in which z > 0."""
    return flip_share(_Tensors, z0, z1, tiny(z0.dtype.name))


def piecewise(nodes: Any, call: Callable[[Any], Any], pieces: Pieces, z: Any) -> Any:
    """A continuous piecewise-linear function, element by element."""
    plain = pieces == Pieces.relu()

    @custom
    def run(z: Any) -> Any:
        value = call(z)

        def back(upstream: Any) -> Any:
            n = apart(z, nodes)
            if plain:
                # The same share, in fewer passes than clamp(max(z0, z1) / |z1 - z0|) takes; 0 / 0 is relu'(0) = 0.
                size = tf.abs(z)
                slope = tf.math.divide_no_nan(value[:-n] + value[n:], size[:-n] + size[n:])
            else:
                slope = piecewise_slope(_Tensors, pieces, z[:-n], z[n:], tiny(z.dtype.name))
            return padded(upstream[:-n] * slope, n)

        return value, back

    return run(z)


def smooth(nodes: Any, call: Callable[[Any], Any], z: Any) -> Any:
    """Any other function, element by element."""

    @custom
    def run(z: Any) -> Any:
        value = call(z)

        def back(upstream: Any) -> Any:
            n = apart(z, nodes)
            z0, z1 = z[:-n], z[n:]
            between = middle(z0, z1)
            with tf.GradientTape() as tape:
                tape.watch(between)
                outputs = call(between)
            derivative = tape.gradient(outputs, between, unconnected_gradients="zero")
            close = close_ends(_Tensors, z0, z1, z.dtype.name)
            slope = smooth_slope(_Tensors, z0, z1, value[:-n], value[n:], close, derivative)
            return padded(upstream[:-n] * slope, n)

        return value, back

    return run(z)


def largest(nodes: Any, call: Callable[..., Any], a: Any, b: Any, sign: float) -> Any:
    """The larger (sign 1) or smaller (-1) of two: a + relu(b - a) and its like.

    Where both are the same all along a cell, the first has the gradient, as in TensorFlow's own.
    """

    @custom
    def run(a: Any, b: Any) -> Any:
        def back(upstream: Any) -> Any:
            behind = sign * (b - a)
            n = apart(behind, nodes)
            second = upstream[:-n] * relu_cells(behind[:-n], behind[n:])
            return padded(upstream[:-n] - second, n), padded(second, n)

        return call(a, b), back

    return run(a, b)


def switched(nodes: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b: the mean of the gradients at the cell's two ends."""

    @custom
    def run(a: Any, b: Any) -> Any:
        def back(upstream: Any) -> Any:
            share = _means(tf.cast(condition, upstream.dtype), apart(upstream, nodes))
            first = upstream * share
            return first, upstream - first

        return tf.where(condition, a, b), back

    return run(a, b)


def modulus(nodes: Any, z: Any) -> Any:
    """|z| of complex z: its slope over a cell is (z0 + z1) / (|z0| + |z1|), as |z1|^2 - |z0|^2 shows."""

    @custom
    def run(z: Any) -> Any:
        value = tf.abs(z)

        def back(upstream: Any) -> Any:
            n = apart(z, nodes)
            weight = tf.math.divide_no_nan(upstream[:-n], value[:-n] + value[n:])
            return padded(tf.cast(weight, z.dtype) * (z[:-n] + z[n:]), n)

        return value, back

    return run(z)


def middles(nodes: Any, call: Callable[..., Any], *operands: Any) -> Any:
    """Products: their gradient at the mean of the cell's ends, with which a cell comes out exact."""

    @custom
    def run(*operands: Any) -> Any:
        def back(upstream: Any) -> Any:
            means = [_means(operand, apart(operand, nodes)) for operand in operands]
            with tf.GradientTape() as tape:
                tape.watch(means)
                outputs = call(*means)
            return tape.gradient(outputs, means, output_gradients=upstream, unconnected_gradients="zero")

        return call(*operands), back

    return run(*operands)


def endpoints(nodes: Any, call: Callable[..., Any], *operands: Any) -> Any:
    """Anything else: the mean of the gradients at the cell's two ends (second order; the delta is no longer exact)."""

    @custom
    def run(*operands: Any) -> Any:
        def back(upstream: Any) -> Any:
            n = apart(upstream, nodes)
            right = tf.concat([tf.zeros_like(upstream[:n]), upstream[:-n]], 0)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(operands)
                outputs = call(*operands)
            found = []
            for operand in operands:
                at_left = tape.gradient(outputs, operand, upstream, unconnected_gradients="zero")
                at_right = tape.gradient(outputs, operand, right, unconnected_gradients="zero")
                length = apart(operand, nodes)
                found.append(0.5 * (at_left + tf.concat([at_right[length:], tf.zeros_like(at_right[:length])], 0)))
            return found

        return call(*operands), back

    return run(*operands)


def chosen(nodes: Any, z: Any) -> Any:
    """The maximum over the last axis. Elements that lead together all along a cell have equal parts of the gradient.

    So has TensorFlow's own gradient of a maximum over axes.
    """

    @custom
    def run(z: Any) -> Any:
        def back(upstream: Any) -> Any:
            n = apart(z, nodes)
            z0, z1, gradient = z[:-n], z[n:], upstream[:-n]
            total = tf.zeros_like(z0)
            found, meets = leaders(z0, z1)
            endpoints = [tf.zeros_like(meets[0]), *meets, tf.ones_like(meets[0])]
            for leader, (low, high) in zip(found, itertools.pairwise(endpoints), strict=True):
                alike = (z0 == _picked(z0, leader)[..., None]) & (z1 == _picked(z1, leader)[..., None])
                to = tf.cast(alike, z.dtype)
                total += (gradient * (high - low) / tf.reduce_sum(to, -1))[..., None] * to
            return padded(total, n)

        return tf.reduce_max(z, -1), back

    return run(z)


def changes(z0: Any, z1: Any) -> list[Any]:
    """Where on the way from z0 to z1 the largest of the last axis gives way to another; NaN where it does not."""
    found, meets = leaders(z0, z1)
    nothing = tf.constant(float("nan"), z0.dtype)
    return [tf.where(p != q, place, nothing) for (p, q), place in zip(itertools.pairwise(found), meets, strict=True)]


def leaders(z0: Any, z1: Any) -> tuple[list[Any], list[Any]]:
    """Which elements lead on the way from z0 to z1 (last axis), and where on it each gives way to the next.

    Between the leaders at the ends others may lead for a while, the more of them the wider the window is: those at
    the place where two leaders meet are put between them, twice over.
    """
    first = [tf.argmax(z0, -1), tf.argmax(z1, -1)]
    meets = [_meet(z0, z1, *first)]
    for _ in range(min(2, z0.shape[-1] - 2)):  # of two or three no more can lead
        found, places = first[:1], []
        for (p, q), place in zip(itertools.pairwise(first), meets, strict=True):
            there = z0 + place[..., None] * (z1 - z0)
            r = tf.argmax(there, -1)
            other = _picked(there, r) > tf.maximum(_picked(there, p), _picked(there, q))
            found += [r, q]
            places += [tf.where(other, _meet(z0, z1, p, r), place), tf.where(other, _meet(z0, z1, r, q), place)]
        first, meets = found, places
    return first, meets


def _meet(z0: Any, z1: Any, p: Any, q: Any) -> Any:
    """Where on the way the lead goes from p to q."""
    return pool_share(_Tensors, _picked(z0, p), _picked(z0, q), _picked(z1, p), _picked(z1, q))


def _picked(flat: Any, places: Any) -> Any:
    return tf.gather(flat, places, batch_dims=len(flat.shape) - 1)


def apart(z: Any, nodes: Any) -> Any:
    """How many blocks' rows one node has."""
    return tf.shape(z)[0] // nodes


def padded(cells: Any, n: Any) -> Any:
    """Zeros behind the last cell."""
    return tf.pad(cells, [[0, n], *[[0, 0]] * (len(cells.shape) - 1)])


def _means(z: Any, n: Any) -> Any:
    """(z0 + z1) / 2 of every cell; the last block as it is."""
    return tf.concat([middle(z[:-n], z[n:]), z[-n:]], 0)
