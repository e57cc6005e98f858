"""Arrays from a package's own code: checked before a model sees them."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import DataError, ModelError

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [10.0, np.nan, 30.0], "z": [0, 0, 0]}, index=[5, 5, 6])
INPUTS = {
    "made": InputSpec(kind="array", columns=("x", "y"), shape=(2,)),
    "present": InputSpec(kind="mask", columns=("y",), shape=(1,), dtype="bool"),
    "z": InputSpec(columns=("z",)),
}


def prepare(frame):
    values = frame[["x", "y"]].to_numpy()
    return {"made": values, "present": ~np.isnan(values[:, 1:])}


def test_arrays_and_masks_of_the_packages_code():
    seen = []

    def watched(frame):
        seen.append(frame)
        return {**prepare(frame), "made": frame[["x", "y"]].fillna(0).to_numpy()}

    found = encode(FRAME, INPUTS, preprocess=watched)
    assert list(seen[0].columns) == ["x", "y"]
    assert found.inputs["made"].dtype == np.float32
    assert found.inputs["made"].tolist() == [[1, 10], [2, 0], [3, 30]]
    assert found.fixed["present"].tolist() == [[True], [False], [True]]
    assert list(found.inputs) == ["made", "z"]


def test_rows_that_come_out_without_a_number_are_left_out():
    found = encode(FRAME, INPUTS, preprocess=prepare)
    assert found.reasons.tolist() == [None, "value in made is not finite", None]
    assert found.fixed["present"].tolist() == [[True], [True]]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"mode": np.zeros((3, 2))}, "preprocess: it returned no 'made'; did you mean 'mode'?"),
        ({"made": np.zeros((2, 2))}, r"preprocess: 'made' has shape \(2, 2\), and model.yaml says \(3, 2\)"),
        ({"made": np.zeros((3, 2), dtype=object)}, "preprocess: 'made' is of dtype object, and a model takes numbers"),
        (None, "preprocess: it fails on rows of the data: TypeError"),
    ],
)
def test_faults_of_the_code(returned, message):
    with pytest.raises(ModelError, match=message):
        encode(FRAME, {"made": INPUTS["made"]}, preprocess=lambda _frame: returned)


def test_code_that_raises_and_code_that_is_absent():
    def fails(_frame):
        raise KeyError("y")

    with pytest.raises(ModelError, match="preprocess: it fails on rows of the data: KeyError: 'y'"):
        encode(FRAME, INPUTS, preprocess=fails)
    with pytest.raises(
        ModelError, match=r"inputs.made: an input of kind 'array' comes from code; name it in `preprocess`"
    ):
        encode(FRAME, INPUTS)


def test_a_missing_column_is_named_before_the_code_runs():
    with pytest.raises(DataError, match="column 'y' of the model's input 'made' is not in the data"):
        encode(FRAME[["x", "z"]], INPUTS, preprocess=prepare)


def test_one_hot_groups():
    inputs = {
        "colour": InputSpec(kind="one_hot", columns=("colour",), vocabulary=("red", "blue")),
        "flags": InputSpec(kind="one_hot", columns=("f", "g")),
    }
    frame = pd.DataFrame({"colour": ["blue", "red", "pink", None], "f": [0, 1, 1, 1], "g": [1, 0, 0, 0]})
    found = encode(frame, inputs)
    assert found.inputs["colour"].tolist() == [[0, 1], [1, 0]]
    assert found.inputs["flags"].tolist() == [[0, 1], [1, 0]]
    assert found.reasons.tolist() == [None, None, "unknown category 'pink' in colour", "missing value in colour"]
    zeros = InputSpec.model_validate(
        {"kind": "one_hot", "columns": "colour", "vocabulary": ["red", "blue"], "unknown": "zeros"}
    )
    assert encode(frame, {"colour": zeros}).inputs["colour"].tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
