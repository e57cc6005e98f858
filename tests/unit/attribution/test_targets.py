"""Which output is explained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.sweeps import sized

from ig_tasks.attribution import attribute
from ig_tasks.errors import TargetError


@pytest.fixture
def model(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(4, 8, 3))


@pytest.fixture
def inputs(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(10, 4))


def test_a_column(kit: Any, model: Any, inputs: np.ndarray) -> None:
    for column in range(3):
        found = attribute(model, inputs, np.zeros(4), target=column)
        np.testing.assert_allclose(found.output, kit.predict(model, inputs)[:, column], atol=1e-13)


def test_predicted_is_each_rows_arg_max(kit: Any, model: Any, inputs: np.ndarray) -> None:
    columns = kit.predict(model, inputs).argmax(1)
    assert np.unique(columns).size > 1
    predicted = attribute(model, inputs, np.zeros(4), target="predicted")
    by_row = attribute(model, inputs, np.zeros(4), target=columns)
    np.testing.assert_array_equal(predicted.attributions, by_row.attributions)
    np.testing.assert_allclose(predicted.output, kit.predict(model, inputs).max(1), atol=1e-13)


def test_an_array_has_a_column_a_row(model: Any, inputs: np.ndarray) -> None:
    columns = np.arange(10) % 3
    found = attribute(model, inputs, np.zeros(4), target=columns)
    for column in range(3):
        alone = attribute(model, inputs, np.zeros(4), target=column)
        chosen = columns == column
        np.testing.assert_allclose(found.attributions[chosen], alone.attributions[chosen], atol=1e-13)
        np.testing.assert_allclose(found.baseline_output[chosen], alone.baseline_output[chosen], atol=1e-13)


def test_all_has_the_outputs_as_second_axis(model: Any, inputs: np.ndarray) -> None:
    found = attribute(model, inputs, np.zeros(4), target="all")
    assert found.attributions.shape == (10, 3, 4)
    assert found.output.shape == found.status.shape == found.evaluations.shape == (10, 3)
    for column in range(3):
        alone = attribute(model, inputs, np.zeros(4), target=column)
        np.testing.assert_allclose(found.attributions[:, column], alone.attributions, rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(found.convergence_delta[:, column], alone.convergence_delta, atol=1e-14)


def test_a_named_output(kit: Any, inputs: np.ndarray) -> None:
    model = kit.two_outputs()
    late, early = (attribute(model, inputs[:, :3], np.zeros(3), target=name) for name in ("late", "early"))
    assert not np.allclose(late.attributions, early.attributions)
    with pytest.raises(TargetError, match="no output 'lat'; did you mean 'late'"):
        attribute(model, inputs[:, :3], np.zeros(3), target="lat")
    with pytest.raises(TargetError, match=r"name one of the model's outputs.*late"):
        attribute(model, inputs[:, :3], np.zeros(3))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "the output has 3 columns; give one of 0 to 2, 'predicted' or 'all'"),
        (3, "column 3 is not there; the model has 3: 0 to 2"),
        (-1, "column -1 is not there"),
        (np.array([0, 1]), r"shape \(10,\), one per row, not \(2,\)"),
        (np.full(10, 5), "column 5 is not there"),
        (1.5, "1.5 is not a column"),
        (True, "True is not a column"),
        ("late", "the model's outputs have no names"),
    ],
)
def test_what_the_model_does_not_have(model: Any, inputs: np.ndarray, target: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        attribute(model, inputs, np.zeros(4), target=target)


def test_one_output_needs_no_target(kit: Any, layers_of: Any, inputs: np.ndarray) -> None:
    model = kit.dense(layers_of(4, 8, 1))
    plain, zero = (attribute(model, inputs, np.zeros(4), target=target) for target in (None, 0))
    np.testing.assert_array_equal(plain.attributions, zero.attributions)


def test_all_outputs_share_their_forward_passes(layers_of: Any, inputs: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Softmax(dim=1), torch.nn.Linear(6, 5)).double().eval()
    calls: list[int] = []
    model.register_forward_hook(lambda _module, args, _output: calls.append(args[0].shape[0]))

    def points(target: Any) -> int:
        calls.clear()
        attribute(model, inputs[:, :4], np.zeros(4), target=target, integrator="gauss_legendre", steps=20)
        return sum(calls)

    assert points("all") == points(0)


def test_all_outputs_of_a_keras_model_share_their_forward_passes(inputs: np.ndarray) -> None:
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")
    seen = tf.Variable(0, dtype=tf.int64, trainable=False)

    class Counted(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.assign_add(tf.cast(tf.shape(x)[0], tf.int64))
            return x

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "tanh"), Counted(), keras.layers.Dense(5)])

    def points(target: Any) -> int:
        seen.assign(0)
        attribute(model, inputs[:, :4], np.zeros(4), target=target, integrator="gauss_legendre", steps=20)
        return int(seen.numpy())

    points("all"), points(0)  # tracing and looking come first
    assert points("all") == points(0)


@pytest.mark.parametrize(
    ("activation", "integrator"),
    [("silu", "auto"), ("relu", "secant"), ("relu", "exact")],
)
def test_any_number_of_outputs_together_are_the_same_outputs_one_by_one(
    kit: Any, layers_of: Any, inputs: np.ndarray, activation: str, integrator: str
) -> None:
    """More of them than a backend takes at once."""
    model = kit.dense(layers_of(4, 6, 6, 11, activation=activation))
    every = attribute(model, inputs, np.zeros(4), target="all", integrator=integrator, tolerance=1e-3)
    assert every.attributions.shape == (10, 11, 4)
    for output in sized((7, 8), (0, 7, 8, 10)):  # a backend takes eight at once
        one = attribute(model, inputs, np.zeros(4), target=output, integrator=integrator, tolerance=1e-3)
        np.testing.assert_allclose(every.output[:, output], one.output, rtol=1e-14)
        enough = every.evaluations[:, output] == one.evaluations  # the others went on for another output's sake
        assert enough.any()
        np.testing.assert_allclose(every.attributions[enough, output], one.attributions[enough], atol=1e-12)
        size = np.abs(one.attributions).sum(1)
        assert (np.abs(every.attributions[:, output] - one.attributions).sum(1) <= 2e-3 * size + 1e-12).all()
