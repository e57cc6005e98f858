"""A gap is explained as the number that the model has in its place, and that number is the model's own."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError
from ig_tasks.stages.missing_numbers import require_gaps_alike

WEIGHTS = np.array([2.0, -3.0])


def spec_of(missing):
    return InputSpec.model_validate({"columns": ["a", "b"], "missing": missing, "dtype": "float64"})


def imputing(fills):
    """sum of w x^2, a gap in column k as fills[k]."""
    return lambda rows: (np.where(np.isnan(rows["x"]), fills, rows["x"]) ** 2) @ WEIGHTS


@pytest.mark.parametrize(("missing", "fills"), [(1.5, [1.5, 1.5]), ({"a": 1.5, "b": -2.0}, [1.5, -2.0])])
def test_a_gap_is_encoded_as_the_number_and_the_models_own_number_is_accepted(missing, fills):
    inputs = {"x": spec_of(missing)}
    frame = pd.DataFrame({"a": [0.5, np.nan, 1.0], "b": pd.array([1, 2, None], dtype="Int64")})
    encoded = encode(frame, inputs)
    assert encoded.keep.all()
    np.testing.assert_array_equal(encoded.inputs["x"], [[0.5, 1.0], [fills[0], 2.0], [1.0, fills[1]]])
    require_gaps_alike(imputing(fills), encoded.inputs, inputs)


def test_another_number_than_the_models_own_is_refused_with_both_outputs():
    inputs, rows = {"x": spec_of({"a": 1.5, "b": 0.0})}, {"x": np.array([[1.0, 1.0]])}
    with pytest.raises(ModelError) as caught:
        require_gaps_alike(imputing([1.5, -2.0]), rows, inputs)
    assert str(caught.value) == (
        "inputs.x.missing: with a gap in b the model gives -10, and with 0 in its place 2; name the number that the "
        "model itself puts there"
    )


def test_a_model_that_leaves_gaps_to_its_caller_is_right():
    inputs, rows = {"x": spec_of(1.5)}, {"x": np.array([[1.0, 1.0]])}
    require_gaps_alike(lambda given: given["x"] @ WEIGHTS, rows, inputs)

    def refusing(given):
        if np.isnan(given["x"]).any():
            raise ValueError("no gaps here")
        return given["x"] @ WEIGHTS

    require_gaps_alike(refusing, rows, inputs)


def test_columns_that_name_no_number_are_left_out_as_before():
    encoded = encode(pd.DataFrame({"a": [np.nan, 1.0], "b": [1.0, np.nan]}), {"x": spec_of({"a": 0.0})})
    assert encoded.reasons.tolist() == [None, "missing value in b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": ["a"], "missing": "pass"}, "'pass' would leave gaps in a path.* such as `missing: 0` or {column"),
        (
            {"columns": ["a"], "missing": {"a": "pass"}},
            "'pass' would leave gaps .* an indicator column, made in `prepr",
        ),
        ({"columns": ["a"], "missing": float("nan")}, "missing: name finite numbers"),
        ({"columns": ["a"], "missing": {"A": 1.0}}, "missing: 'A' is not a column of the input; did you mean 'a'?"),
        (
            {"columns": ["a"], "dtype": "int64", "missing": 0},
            "missing: does not go with an input of kind 'categorical'",
        ),
    ],
)
def test_what_cannot_be_a_number_in_place_of_a_gap_is_refused(given, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        InputSpec.model_validate(given)


def test_the_attribution_of_a_gap_is_that_of_its_number(tmp_path):
    torch = pytest.importorskip("torch")
    import ig_tasks

    class Imputing(torch.nn.Module):
        def forward(self, x):
            held = torch.where(torch.isnan(x), torch.tensor([1.5, -2.0], dtype=x.dtype), x)
            return (held**2) @ torch.tensor(WEIGHTS, dtype=x.dtype)

    encoded = encode(pd.DataFrame({"a": [np.nan, 0.5], "b": [1.0, np.nan]}), {"x": spec_of({"a": 1.5, "b": -2.0})})
    found = ig_tasks.explain(Imputing(), encoded.inputs["x"], baseline=np.array([1.0, 1.0]), tolerance=1e-6)
    # w (x^2 - b^2) column by column, x as the model has it
    expected = (np.array([[1.5, 1.0], [0.5, -2.0]]) ** 2 - 1.0) * WEIGHTS
    np.testing.assert_allclose(found.attributions, expected, atol=1e-9)
    with_gaps = torch.tensor([[np.nan, 1.0], [0.5, np.nan]], dtype=torch.float64)
    np.testing.assert_allclose(found.output, Imputing()(with_gaps).numpy(), rtol=1e-12)


LEARNED = 0.7


def two_branches(framework):
    """known * tanh(value) + (1 - known) * LEARNED of x = (value, known)."""
    if framework == "torch":
        torch = pytest.importorskip("torch")

        class Switch(torch.nn.Module):
            def forward(self, x):
                return x[:, 1] * torch.tanh(x[:, 0]) + (1 - x[:, 1]) * LEARNED

        return Switch()
    keras = pytest.importorskip("keras")
    x = keras.Input((2,), name="x", dtype="float64")
    value, known = x[:, 0], x[:, 1]
    return keras.Model(x, known * keras.ops.tanh(value) + (1 - known) * LEARNED)


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_gap_that_takes_another_branch_is_explained_by_an_indicator(framework):
    """The way that the how-to shows: preprocess fills the gap and says beside it whether the number is known."""
    import ig_tasks

    def prepare(table):
        known = table["age"].notna()
        return {"x": np.column_stack([table["age"].fillna(0.0), known])}

    spec = InputSpec.model_validate(
        {"columns": ["age"], "kind": "array", "shape": [2], "features": ["age", "age_known"], "dtype": "float64"}
    )
    encoded = encode(pd.DataFrame({"age": [1.5, None, -0.5]}), {"x": spec}, preprocess=prepare)
    assert encoded.keep.all()
    rows, start = encoded.inputs["x"], np.array([0.4, 1.0])
    np.testing.assert_array_equal(rows, [[1.5, 1.0], [0.0, 0.0], [-0.5, 1.0]])
    found = ig_tasks.explain(two_branches(framework), rows, baseline=start, tolerance=1e-5)
    assert (found.status == "converged").all()
    nodes = ((np.arange(100_000) + 0.5) / 100_000)[:, None, None]
    value, known = np.moveaxis(start + nodes * (rows - start), -1, 0)
    slopes = np.stack([(known / np.cosh(value) ** 2).mean(axis=0), (np.tanh(value) - LEARNED).mean(axis=0)], axis=1)
    np.testing.assert_allclose(found.attributions, slopes * (rows - start), atol=2e-5)
    assert found.attributions[1].sum() == pytest.approx(LEARNED - np.tanh(0.4), abs=1e-5)
