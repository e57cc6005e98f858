"""InputSpec: ids of categories, and faults of model.yaml that would give a model that runs and is wrong."""

import pickle

import numpy as np
import pytest
from pydantic import ValidationError

from ig_tasks.data.inputs import UNKNOWN, InputSpec
from ig_tasks.data.spellings import category_name


def test_ids_are_positions_moved_by_the_offset():
    spec = InputSpec(columns=("carrier",), vocabulary=("AA", "UA"), offset=1, unknown=0)
    assert spec.ids == {"AA": 1, "UA": 2}
    assert spec.size == 3
    assert [spec.category(i) for i in (0, 1, 2, 7)] == [UNKNOWN, "AA", "UA", UNKNOWN]
    assert spec.categories(np.array([2, 0, 1, 9, -1])).tolist() == ["UA", UNKNOWN, "AA", UNKNOWN, UNKNOWN]


def test_without_offset_the_first_category_is_zero():
    spec = InputSpec(columns=("carrier",), vocabulary=("AA", "UA"), unknown=2)
    assert spec.ids == {"AA": 0, "UA": 1}
    assert spec.size == 3
    assert spec.category(2) == UNKNOWN


def test_defaults_of_type_and_kind():
    number = InputSpec.model_validate({"columns": "temp"})
    assert (number.columns, number.dtype, number.kind) == (("temp",), "float32", "numeric")
    category = InputSpec.model_validate({"columns": ["carrier"], "vocabulary": ["AA"]})
    assert (category.dtype, category.kind) == ("int64", "categorical")


def test_an_unknown_id_that_a_category_has_must_be_meant():
    with pytest.raises(ValidationError, match="id 0 is also the id of category 'AA'; add `offset: 1`"):
        InputSpec(columns=("carrier",), vocabulary=("AA", "UA"), unknown=0)
    meant = InputSpec(columns=("carrier",), vocabulary=("[UNK]", "UA"), unknown=0, offset=0)
    assert (meant.ids["UA"], meant.size) == (1, 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"columns": ()}, "at least 1 item"),
        ({"columns": ("a", "a")}, "stands there twice"),
        ({"columns": ("a",), "dtype": "float31"}, "dtype 'float31' is not one of"),
        ({"columns": ("a",), "unknown": 0}, "need a vocabulary"),
        ({"columns": ("a", "b"), "vocabulary": ("x",)}, "goes with one column"),
        ({"columns": ("a",), "vocabulary": ("x",), "dtype": "float32"}, "gives integer ids"),
        ({"columns": ("a",), "vocabulary": ("x", "y", "x")}, "'x' stands there twice"),
        ({"columns": ("a",), "vocabluary": ("x",)}, "Extra inputs"),
    ],
)
def test_faults(fields, message):
    with pytest.raises(ValidationError, match=message):
        InputSpec(**fields)


@pytest.mark.parametrize(
    ("value", "name"),
    [("06", "06"), (6, "6"), (6.0, "6"), (6.5, "6.5"), (np.float64(3), "3"), (True, "True"), (b"x", "x")],
)
def test_one_spelling_for_vocabulary_and_data(value, name):
    assert category_name(value) == name
    assert InputSpec(columns=("a",), vocabulary=(value,)).vocabulary == (name,)


def test_a_spec_crosses_to_a_worker():
    spec = InputSpec(columns=("carrier",), vocabulary=("AA",), offset=1, unknown=0)
    assert spec.ids == pickle.loads(pickle.dumps(spec)).ids
