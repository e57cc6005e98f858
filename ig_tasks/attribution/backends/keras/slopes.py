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

from ig_tasks.attribution.slopes import (
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
    "chosen",
    "ends",
    "largest",
    "leaders",
    "max_pool",
    "max_pool_kinks",
    "middles",
    "piecewise",
    "smooth",
    "switched",
]


_custom: Callable[[Callable[..., Any]], Callable[..., Any]] = tf.custom_gradient


class _Tensors:
    """TensorFlow under the names that `slopes` calls."""

    abs, maximum, where = staticmethod(tf.abs), staticmethod(tf.maximum), staticmethod(tf.where)

    @staticmethod
    def clip(value: Any, least: float, most: float) -> Any:
        # One pass; tf.clip_by_value takes two.
        bounds = (tf.constant(bound, value.dtype) for bound in (least, most))
        return tf.raw_ops.ClipByValue(t=value, clip_value_min=next(bounds), clip_value_max=next(bounds))


def piecewise(nodes: Any, call: Callable[[Any], Any], pieces: Pieces, z: Any) -> Any:
    """A continuous piecewise-linear function, element by element."""
    plain = pieces == Pieces.relu()

    @_custom
    def run(z: Any) -> Any:
        value = call(z)

        def back(upstream: Any) -> Any:
            n = _apart(z, nodes)
            if plain:
                # The same share, in fewer passes than clamp(max(z0, z1) / |z1 - z0|) takes; 0 / 0 is relu'(0) = 0.
                size = tf.abs(z)
                slope = tf.math.divide_no_nan(value[:-n] + value[n:], size[:-n] + size[n:])
            else:
                slope = piecewise_slope(_Tensors, pieces, z[:-n], z[n:], tiny(z.dtype.name))
            return _padded(upstream[:-n] * slope, n)

        return value, back

    return run(z)


def smooth(nodes: Any, call: Callable[[Any], Any], z: Any) -> Any:
    """Any other function, element by element."""

    @_custom
    def run(z: Any) -> Any:
        value = call(z)

        def back(upstream: Any) -> Any:
            n = _apart(z, nodes)
            z0, z1 = z[:-n], z[n:]
            between = middle(z0, z1)
            with tf.GradientTape() as tape:
                tape.watch(between)
                outputs = call(between)
            derivative = tape.gradient(outputs, between, unconnected_gradients="zero")
            close = close_ends(_Tensors, z0, z1, z.dtype.name)
            slope = smooth_slope(_Tensors, z0, z1, value[:-n], value[n:], close, derivative)
            return _padded(upstream[:-n] * slope, n)

        return value, back

    return run(z)


def largest(nodes: Any, call: Callable[..., Any], a: Any, b: Any, sign: float) -> Any:
    """The larger (sign 1) or smaller (-1) of two: b + relu(a - b) and its like."""

    @_custom
    def run(a: Any, b: Any) -> Any:
        def back(upstream: Any) -> Any:
            ahead = sign * (a - b)
            n = _apart(ahead, nodes)
            share = flip_share(_Tensors, ahead[:-n], ahead[n:], tiny(a.dtype.name))
            first = upstream[:-n] * share
            return _padded(first, n), _padded(upstream[:-n] - first, n)

        return call(a, b), back

    return run(a, b)


def switched(nodes: Any, condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b: the mean of the gradients at the cell's two ends."""

    @_custom
    def run(a: Any, b: Any) -> Any:
        def back(upstream: Any) -> Any:
            share = _means(tf.cast(condition, upstream.dtype), _apart(upstream, nodes))
            first = upstream * share
            return first, upstream - first

        return tf.where(condition, a, b), back

    return run(a, b)


def middles(nodes: Any, call: Callable[..., Any], *operands: Any) -> Any:
    """Products: their gradient at the mean of the cell's ends, with which a cell comes out exact."""

    @_custom
    def run(*operands: Any) -> Any:
        def back(upstream: Any) -> Any:
            means = [_means(operand, _apart(operand, nodes)) for operand in operands]
            with tf.GradientTape() as tape:
                tape.watch(means)
                outputs = call(*means)
            return tape.gradient(outputs, means, output_gradients=upstream, unconnected_gradients="zero")

        return call(*operands), back

    return run(*operands)


def ends(nodes: Any, call: Callable[..., Any], *operands: Any) -> Any:
    """Anything else: the mean of the gradients at the cell's two ends (second order; the delta is no longer exact)."""

    @_custom
    def run(*operands: Any) -> Any:
        def back(upstream: Any) -> Any:
            n = _apart(upstream, nodes)
            right = tf.concat([tf.zeros_like(upstream[:n]), upstream[:-n]], 0)
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(operands)
                outputs = call(*operands)
            found = []
            for operand in operands:
                at_left = tape.gradient(outputs, operand, upstream, unconnected_gradients="zero")
                at_right = tape.gradient(outputs, operand, right, unconnected_gradients="zero")
                length = _apart(operand, nodes)
                found.append(0.5 * (at_left + tf.concat([at_right[length:], tf.zeros_like(at_right[:length])], 0)))
            return found

        return call(*operands), back

    return run(*operands)


def max_pool(nodes: Any, given: dict[str, Any], z: Any) -> Any:
    """A 2-d max-pooling (rows, height, width, channels); `given` are ksize, strides and padding."""

    @_custom
    def run(z: Any) -> Any:
        value, where = tf.raw_ops.MaxPoolWithArgmax(input=z, Targmax=tf.int64, include_batch_in_index=False, **given)

        def back(upstream: Any) -> Any:
            n = _apart(z, nodes)
            p, q = where[:-n], where[n:]
            share = _windows(z[:-n], z[n:], value[:-n], value[n:], p, q)

            def scattered(gradient: Any, to: Any) -> Any:
                return tf.raw_ops.MaxPoolGradWithArgmax(
                    input=z[:-n], grad=gradient, argmax=to, include_batch_in_index=False, **given
                )

            first = upstream[:-n] * share
            return _padded(scattered(first, p) + scattered(upstream[:-n] - first, q), n)

        return value, back

    return run(z)


def chosen(nodes: Any, call: Callable[[Any], Any], axes: tuple[int, ...], sign: float, z: Any) -> Any:
    """The maximum (sign 1) or minimum (-1) over `axes`, which come last; `call` is the reduction itself."""
    inner = len(z.shape) - len(axes)

    @_custom
    def run(z: Any) -> Any:
        value = call(z)

        def back(upstream: Any) -> Any:
            n = _apart(z, nodes)
            flat = tf.reshape(sign * z, tf.concat((tf.shape(z)[:inner], [-1]), 0))
            gradient = tf.reshape(upstream, tf.shape(flat)[:-1])[:-n]
            width = tf.shape(flat)[-1]
            total = tf.zeros_like(flat[:-n])
            found, meets = leaders(flat[:-n], flat[n:])
            ends = [tf.zeros_like(meets[0]), *meets, tf.ones_like(meets[0])]
            for leader, (low, high) in zip(found, itertools.pairwise(ends), strict=True):
                total += (gradient * (high - low))[..., None] * tf.one_hot(leader, width, dtype=z.dtype)
            return _padded(tf.reshape(total, tf.shape(z[:-n])), n)

        return value, back

    return run(z)


def leaders(z0: Any, z1: Any) -> tuple[list[Any], list[Any]]:
    """Which elements lead on the way from z0 to z1 (last axis), and where on it each gives way to the next.

    Between the leaders at the ends others may lead for a while, the more of them the wider the window is: those at
    the place where two leaders meet are put between them, twice over.
    """
    first = [tf.argmax(z0, -1), tf.argmax(z1, -1)]
    meets = [_meet(z0, z1, *first)]
    for _ in range(2):
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


def max_pool_kinks(given: dict[str, Any], base: Any, delta: Any) -> Any:
    """Where on the way from base to base + delta windows of a max-pooling change their leader, for the first time."""
    z0, z1 = base + tf.zeros_like(delta), base + delta
    (v0, p), (v1, q) = (
        tf.raw_ops.MaxPoolWithArgmax(input=z, Targmax=tf.int64, include_batch_in_index=False, **given) for z in (z0, z1)
    )
    return tf.where(p == q, tf.constant(float("nan"), z0.dtype), _windows(z0, z1, v0, v1, p, q))


def _windows(z0: Any, z1: Any, v0: Any, v1: Any, p: Any, q: Any) -> Any:
    """The share of p in windows whose maximum goes from v0 at p to v1 at q."""

    def at(part: Any, places: Any) -> Any:
        flat = tf.reshape(part, (tf.shape(part)[0], -1))
        return tf.reshape(_picked_many(flat, places), tf.shape(places))

    return pool_share(_Tensors, v0, at(z0, q), at(z1, p), v1)


def _picked_many(flat: Any, places: Any) -> Any:
    return tf.gather(flat, tf.reshape(places, (tf.shape(places)[0], -1)), batch_dims=1)


def _picked(flat: Any, places: Any) -> Any:
    return tf.gather(flat, places, batch_dims=len(flat.shape) - 1)


def _apart(z: Any, nodes: Any) -> Any:
    """How many blocks' rows one node has."""
    return tf.shape(z)[0] // nodes


def _padded(cells: Any, n: Any) -> Any:
    """Zeros behind the last cell."""
    return tf.pad(cells, [[0, n], *[[0, 0]] * (len(cells.shape) - 1)])


def _means(z: Any, n: Any) -> Any:
    """(z0 + z1) / 2 of every cell; the last block as it is."""
    return tf.concat([middle(z[:-n], z[n:]), z[-n:]], 0)
