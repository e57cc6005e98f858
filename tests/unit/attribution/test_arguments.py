"""Arguments that do not fit are refused in one line that names the field and the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import BaselineError, InputError, ModelError

ROWS = np.ones((3, 4))


@pytest.fixture
def model(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(4, 8, 1))


def tabular_rows() -> dict[str, Any]:
    return {"num": np.ones((3, 3)), "cat": np.zeros(3, int)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "gradient_shap"}, "method: 'gradient_shap' is not known; did you mean 'gradient_x_input'"),
        ({"integrator": "exact", "steps": 5}, "steps: 'exact' chooses them by row"),
        ({"precision": "float16"}, "precision: 'float16' is not one of model, float64, bfloat16"),
        ({"tolerance": -1.0}, "tolerance: -1.0"),
        ({"tolerance": 5}, "tolerance: 5 is a share of a row's attributions, from above 0 to 1; 0.05 is 5 %"),
        ({"tolerance": True}, "tolerance: True is not a number from 0 up"),
        ({"tolerance": "0.1"}, "tolerance: '0.1' is not a number from 0 up"),
        ({"tolerance": float("nan")}, "tolerance: nan is not a number"),
        ({"absolute_tolerance": None}, "absolute_tolerance: None is not a number"),
        ({"steps": 2.5, "integrator": "midpoint"}, "steps: 2.5 is not a number of nodes; give a whole number from 1"),
        ({"max_evaluations": True}, "max_evaluations: True is not a whole number, such as 4097"),
        ({"max_evaluations": 4}, "max_evaluations: 4 is too few"),
        ({"memory_limit": -1}, "memory_limit: -1 bytes do not hold one row"),
        ({"seed": 1.5}, "seed: 1.5 is not a whole number, such as 0"),
        ({"fixed": [1]}, r"fixed: \[1\] is not a dict by input name"),
        ({"layers": "emb"}, r"layers: 'emb' is not a dict by input name, layers=\{'input name': ...\}"),
        (
            {"tolerance": 0.0},
            "tolerance: 0 is unreachable in floating point; give a number above 0, or an absolute_tolerance",
        ),
        ({"memory_limit": "4GB"}, r"memory_limit: '4GB' is not a whole number of bytes, such as 4 \* 2\*\*30"),
        ({"device": "cuda:7"}, r"device: 'cuda:7' is not there"),
        ({"memory_limit": 1}, "memory_limit: 1 bytes do not hold one row"),
    ],
)
def test_options(model: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        attribute(model, ROWS, np.zeros(4), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (4, 4), (3, 5), (1, 3, 4)])
def test_a_baseline_of_another_shape(model: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(BaselineError, match=r"baseline: .* has shape .*; give one row's \(4,\) \(shared\)"):
        attribute(model, ROWS, np.zeros(shape))


@pytest.mark.parametrize("baseline", [np.float64(0.0), 0, [0, 0, 0, 0], np.zeros((1, 4)), np.zeros((3, 4))])
def test_forms_of_a_baseline(model: Any, baseline: Any) -> None:
    found = attribute(model, ROWS, baseline)
    np.testing.assert_allclose(found.attributions, attribute(model, ROWS, np.zeros(4)).attributions, atol=1e-13)


def test_integers_are_numbers_where_nothing_embeds_them(model: Any) -> None:
    whole = attribute(model, np.ones((3, 4), dtype=int), np.zeros(4, dtype=int))
    np.testing.assert_array_equal(whole.attributions, attribute(model, ROWS, np.zeros(4)).attributions)


def test_lists_will_do(model: Any) -> None:
    assert attribute(model, [[1.0, 2.0, 3.0, 4.0]], [0.0, 0.0, 0.0, 0.0]).attributions.shape == (1, 4)


def test_strings_are_not_numbers(model: Any) -> None:
    with pytest.raises(InputError, match="not numeric; encode it first"):
        attribute(model, np.full((3, 4), "x"), np.zeros(4))
    with pytest.raises(InputError, match="text is not numeric; encode it first: give the ids that the model looks up"):
        attribute(model, np.full((3, 4), "x", dtype=object), np.zeros(4))
    with pytest.raises(InputError, match="dtype complex128 is not numeric; encode it first"):
        attribute(model, np.full((3, 4), 1j), np.zeros(4))


def test_text_cannot_be_passed_on(kit: Any) -> None:
    with pytest.raises(InputError, match="fixed: 'cat' holds text, and the engine passes numbers on"):
        attribute(kit.tabular(), {"num": np.ones((3, 3))}, {"num": np.zeros(3)}, fixed={"cat": np.array(["a"] * 3)})


def test_an_unknown_input(kit: Any) -> None:
    rows = {"nmu" if name == "num" else name: value for name, value in tabular_rows().items()}
    with pytest.raises(InputError, match="takes no 'nmu'; did you mean 'num'"):
        attribute(kit.tabular(), rows, {"nmu": np.zeros(3), "cat": 0}, layers={"cat": "emb"})


def test_a_missing_input(kit: Any) -> None:
    with pytest.raises(InputError, match="the model's 'cat' is missing; explain it, or pass it in fixed="):
        attribute(kit.tabular(), {"num": np.ones((3, 3))}, {"num": np.zeros(3)})


def test_inputs_of_different_lengths(kit: Any) -> None:
    with pytest.raises(InputError, match="'cat' has 2 rows, 'num' has 3"):
        attribute(
            kit.tabular(),
            {"num": np.ones((3, 3)), "cat": np.zeros(2, int)},
            {"num": np.zeros(3), "cat": 0},
            layers={"cat": "emb"},
        )


def test_a_baseline_by_name_is_complete(kit: Any) -> None:
    with pytest.raises(BaselineError, match="no baseline for input 'cat'"):
        attribute(kit.tabular(), tabular_rows(), {"num": np.zeros(3)}, layers={"cat": "emb"})
    with pytest.raises(BaselineError, match="'nmu' is not an input; did you mean 'num'"):
        attribute(kit.tabular(), tabular_rows(), {"nmu": np.zeros(3), "cat": 0}, layers={"cat": "emb"})


def test_a_fixed_input_has_a_row_each(kit: Any) -> None:
    with pytest.raises(InputError, match="fixed: 'mask' has shape"):
        attribute(
            kit.tokens(),
            {"ids": np.zeros((3, 3), int)},
            {"ids": np.zeros((3, 4))},
            fixed={"mask": np.ones((2, 3))},
            layers={"ids": "tok"},
            target=0,
        )


def test_something_that_is_no_model() -> None:
    with pytest.raises(InputError, match=r"builtins\.dict is neither a torch\.nn\.Module nor a keras\.Model"):
        attribute({}, ROWS, np.zeros(4))


def test_a_model_that_cannot_be_differentiated(kit: Any) -> None:
    if kit.name == "torch":
        model: Any = kit.function("x0.detach()", 1)
    else:
        import keras

        class Stopped(keras.Model):
            def call(self, x: Any) -> Any:
                return keras.ops.stop_gradient(x[:, 0])

        model = Stopped()
    with pytest.raises(ModelError, match="does not depend on the inputs through differentiable operations"):
        attribute(model, np.ones((2, 1)), np.zeros(1))
