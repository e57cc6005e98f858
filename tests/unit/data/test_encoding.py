"""encode: which numbers and ids a model gets, and which rows it does not get, with the reason."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import DataError

NUMERIC = InputSpec(columns=("temp", "wind"))
CARRIER = InputSpec(columns=("carrier",), vocabulary=("AA", "UA"), offset=1, unknown=0)
CLOSED = InputSpec(columns=("carrier",), vocabulary=("AA", "UA"))


def frame(**columns):
    return pd.DataFrame({"temp": [1.0, 2.0, 3.0], "wind": [4, 5, 6], "carrier": ["UA", "AA", "XX"], **columns})


def test_numbers_and_ids():
    encoded = encode(frame(), {"numeric": NUMERIC, "carrier": CARRIER})
    assert encoded.inputs["numeric"].dtype == np.float32
    assert encoded.inputs["numeric"].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert encoded.inputs["carrier"].dtype == np.int64
    assert encoded.inputs["carrier"].tolist() == [2, 1, 0]
    assert encoded.keep.all()
    assert encoded.reasons.tolist() == [None] * 3


def test_one_numeric_column_keeps_its_axis_and_ids_do_not():
    encoded = encode(frame(), {"t": InputSpec(columns=("temp",)), "w": InputSpec(columns=("wind",), dtype="int32")})
    assert encoded.inputs["t"].shape == (3, 1)
    assert encoded.inputs["w"].tolist() == [4, 5, 6]
    assert encoded.inputs["w"].dtype == np.int32


def test_several_integer_columns_are_tokens():
    spec = InputSpec(columns=("a", "b"), dtype="int64")
    encoded = encode(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), {"tokens": spec})
    assert encoded.inputs["tokens"].tolist() == [[1, 3], [2, 4]]


def test_rows_that_cannot_be_encoded_are_left_out_with_the_first_reason():
    data = frame(temp=[1.0, np.nan, 3.0], wind=[np.inf, 5, 6])
    encoded = encode(data, {"numeric": NUMERIC, "carrier": CLOSED})
    assert encoded.reasons.tolist() == [
        "value in wind is not finite",
        "missing value in temp",
        "unknown category 'XX' in carrier",
    ]
    assert not encoded.keep.any()
    assert encoded.inputs["numeric"].shape == (0, 2)
    assert encoded.inputs["carrier"].shape == (0,)


def test_kept_rows_are_those_without_a_reason():
    encoded = encode(frame(temp=[1.0, np.nan, 3.0]), {"numeric": NUMERIC, "carrier": CARRIER})
    assert encoded.keep.tolist() == [True, False, True]
    assert encoded.inputs["numeric"].tolist() == [[1, 4], [3, 6]]
    assert encoded.inputs["carrier"].tolist() == [2, 0]


def test_a_number_too_great_for_the_models_type_is_not_finite():
    encoded = encode(frame(temp=[1.0, 1e39, 3.0]), {"numeric": NUMERIC})
    assert encoded.reasons.tolist() == [None, "value in temp is not finite", None]


def test_ids_that_are_not_whole_are_named():
    encoded = encode(frame(wind=[4.5, np.nan, 6]), {"w": InputSpec(columns=("wind",), dtype="int64")})
    assert encoded.reasons.tolist() == ["not a whole number in wind", "missing value in wind", None]
    assert encoded.inputs["w"].tolist() == [6]


def test_a_null_category_is_unknown_or_missing():
    data = frame(carrier=["UA", None, "AA"])
    assert encode(data, {"carrier": CARRIER}).inputs["carrier"].tolist() == [2, 0, 1]
    assert encode(data, {"carrier": CLOSED}).reasons.tolist() == [None, "missing value in carrier", None]


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", pd.ArrowDtype(pa.string())], ids=str)
def test_every_kind_of_text_column(dtype):
    data = pd.DataFrame({"carrier": pd.Series(["UA", None, "XX", "AA", "UA"], dtype=dtype)})
    assert encode(data, {"carrier": CARRIER}).inputs["carrier"].tolist() == [2, 0, 0, 1, 2]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 12, 1]),
        pd.Series([1.0, 12.0, 1.0]),
        pd.Series([1, 12, 1], dtype="Int8"),
        pd.Series(["1", "12", "1"]),
    ],
    ids=["int", "float", "nullable", "text"],
)
def test_numbers_as_categories(column):
    spec = InputSpec(columns=("month",), vocabulary=(1, 12))
    assert encode(pd.DataFrame({"month": column}), {"month": spec}).inputs["month"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype=pd.ArrowDtype(pa.float64())),
        pd.Series([True, None, True], dtype="boolean"),
        pd.Series([1, None, 3.0], dtype="object"),
    ],
    ids=["nullable", "arrow", "boolean", "object"],
)
def test_every_kind_of_numeric_column(column):
    encoded = encode(pd.DataFrame({"temp": column}), {"t": InputSpec(columns=("temp",))})
    assert encoded.reasons.tolist() == [None, "missing value in temp", None]
    assert encoded.inputs["t"][0, 0] == 1.0


@pytest.mark.parametrize("values", [["a", "b", "c"], pd.to_datetime(["2013-01-01"] * 3), ["1", "2", "3"]])
def test_a_column_that_holds_no_numbers_is_a_fault_of_the_table(values):
    with pytest.raises(DataError, match=r"column 'temp' holds .* values \(such as .*'numeric' needs numbers"):
        encode(frame(temp=values), {"numeric": NUMERIC})


def test_a_missing_column_is_named_with_the_nearest():
    with pytest.raises(
        DataError, match=r"column 'carier' of the model's input 'c' is not in the data; did you mean 'carrier'\?"
    ):
        encode(frame(), {"c": InputSpec(columns=("carier",), vocabulary=("AA",))})


def test_no_rows():
    encoded = encode(frame().iloc[:0], {"numeric": NUMERIC, "carrier": CARRIER})
    assert encoded.inputs["numeric"].shape == (0, 2)
    assert encoded.inputs["carrier"].shape == (0,)
    assert encoded.keep.shape == (0,)


def test_the_frames_index_does_not_matter():
    data = frame(temp=[1.0, np.nan, 3.0]).set_index(pd.Index([7, 7, 7]))
    assert encode(data, {"numeric": NUMERIC}).keep.tolist() == [True, False, True]
