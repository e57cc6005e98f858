"""An input of another shape than the model takes is one line with both shapes; other errors are the model's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import InputError


def refused(model: Any, rows: Any, **given: Any) -> str:
    names = isinstance(rows, dict)
    start = {name: np.zeros(np.shape(array)[1:]) for name, array in rows.items()} if names else np.zeros(rows.shape[1:])
    with pytest.raises(InputError) as raised:
        attribute(model, rows, start, **given)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is not None
    return str(raised.value)


@pytest.mark.parametrize("shape", [(3, 5), (3,), (3, 2, 3)])
def test_a_width_that_the_first_layer_does_not_take(kit: Any, layers_of: Any, shape: tuple[int, ...]) -> None:
    said = refused(kit.dense(layers_of(4, 8, 1)), np.ones(shape))
    assert said.startswith(f"inputs: has shape {shape}, and the model takes (rows, ")
    if kit.name == "keras":
        assert said.endswith("takes (rows, 4)")
    else:
        assert " in its layer '0' (Linear): mat1 and mat2 " in said


# -- Keras: what the Input layers declare ----------------------------------------------------------------


@pytest.fixture
def declared() -> Any:
    import keras

    x, y = keras.Input((10,), name="x"), keras.Input((), name="y")
    z = keras.Input((None, 2), name="z")
    parts = [x, keras.ops.expand_dims(y, -1), keras.ops.mean(z, axis=1)]
    return keras.Model({"x": x, "y": y, "z": z}, keras.layers.Dense(1)(keras.layers.Concatenate()(parts)))


RIGHT = {"x": np.ones((3, 10)), "y": np.ones(3), "z": np.ones((3, 7, 2))}


@pytest.mark.parametrize(
    ("name", "shape", "takes"),
    [
        ("x", (3, 12), "(rows, 10)"),
        ("x", (3, 1, 10), "(rows, 10)"),
        ("y", (3, 2), "(rows,)"),
        ("z", (3, 7, 3), "(rows, any, 2)"),
    ],
)
def test_a_keras_model_s_inputs_are_compared_with_what_it_declares(
    declared: Any, name: str, shape: tuple[int, ...], takes: str
) -> None:
    said = refused(declared, {**RIGHT, name: np.ones(shape)})
    assert said == f"inputs['{name}']: has shape {shape}, and the model takes {takes}"


def test_what_is_passed_on_as_it_is_counts_too(declared: Any) -> None:
    explained = {name: array for name, array in RIGHT.items() if name != "y"}
    said = refused(declared, explained, fixed={"y": np.ones((3, 2))})
    assert said == "fixed['y']: has shape (3, 2), and the model takes (rows,)"


def test_a_last_axis_of_1_is_added_and_dropped_by_keras_itself(declared: Any) -> None:
    rows = {**RIGHT, "y": np.ones((3, 1))}
    assert attribute(declared, rows, dict.fromkeys(rows, 0.0)).attributions["y"].shape == (3, 1)


def test_a_keras_model_s_own_error_on_rows_that_fit_keeps_its_words() -> None:
    import keras

    class Fails(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            message = "no such thing"
            raise LookupError(message)

        def compute_output_spec(self, x: Any) -> Any:
            return keras.KerasTensor((None, 1))

    x = keras.Input((4,))
    with pytest.raises(LookupError, match="no such thing"):
        attribute(keras.Model(x, Fails()(x)), np.ones((3, 4)), np.zeros(4))


def test_a_keras_model_that_declares_nothing_speaks_for_itself() -> None:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.out = keras.layers.Dense(1)
            self.out.build((None, 4))

        def call(self, x: Any) -> Any:
            return self.out(x)

    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        attribute(Own(), np.ones((3, 5)), np.zeros(5))


# -- torch: what the first layer takes -------------------------------------------------------------------


def own(code: str) -> Any:
    """A torch model of two layers, for 10 columns and for 12, and a `forward` of one expression."""
    import torch

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ten, self.twelve = torch.nn.Linear(10, 4), torch.nn.Linear(12, 4)

        def forward(self, x: Any) -> Any:
            return eval(code, {"torch": torch}, {"self": self, "x": x})  # noqa: S307 - the tests' own text

    return Own()


@pytest.mark.parametrize(
    ("shape", "takes"),
    [((3, 1, 8, 8), "(rows, 3, height, width)"), ((3, 8, 8), "(rows, 3, height, width)")],
)
def test_a_convolution_of_other_channels(shape: tuple[int, ...], takes: str) -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 1))
    said = refused(model, np.ones(shape))
    assert said.startswith(f"inputs: has shape {shape}, and the model takes {takes} in its layer '0' (Conv2d): ")


def test_an_input_by_name_is_named() -> None:
    said = refused(own("self.ten(x).sum(1)"), {"x": np.ones((3, 12))})
    assert said == (
        "inputs['x']: has shape (3, 12), and the model takes (rows, 10) in its layer 'ten' (Linear): "
        "mat1 and mat2 shapes cannot be multiplied (1x12 and 10x4)"
    )


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("self.ten(x) @ x", RuntimeError, "mat1 and mat2 shapes cannot be multiplied"),
        ("self.ten(x) + self.twelve(x)", RuntimeError, "1x10 and 12x4"),  # a bug of the model: 10 columns did go in
        ("self.twelve(x * 2.0)", RuntimeError, "1x10 and 12x4"),  # what was done before may be the mistake
        ("self.ten(x).nothing", AttributeError, "has no attribute 'nothing'"),
    ],
)
def test_an_error_of_the_model_s_own_code_keeps_its_own_words(code: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        attribute(own(code), np.ones((3, 10)), np.zeros(10))


def test_a_model_is_left_without_hooks() -> None:
    model = own("self.ten(x)")
    refused(model, np.ones((3, 12)))
    assert not any(module._forward_pre_hooks for module in model.modules())
