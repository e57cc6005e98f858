"""Bags: several categories in a cell, as padded ids or as ones among zeros."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import DataError

GENRES = ("drama", "comedy", "war")


def bag(**fields):
    return InputSpec(kind="bag", columns=("genres",), vocabulary=GENRES, **fields)


def encoded(cells, spec):
    return encode(pd.DataFrame({"genres": pd.Series(cells, dtype=object)}), {"genres": spec})


def test_ids_are_filled_up_with_padding():
    found = encoded(["war|drama", "comedy", ""], bag(offset=1, length=3, separator="|"))
    assert found.inputs["genres"].tolist() == [[3, 1, 0], [2, 0, 0], [0, 0, 0]]
    assert found.inputs["genres"].dtype == np.int64
    assert found.token_masks["genres"].tolist() == [[True, True, False], [True, False, False], [False] * 3]


def test_padding_may_be_any_id():
    assert encoded(["war"], bag(length=3, padding=9)).inputs["genres"].tolist() == [[2, 9, 9]]


def test_lists_arrays_and_text_are_the_same_bag():
    spec = bag(offset=1, length=2, separator=",")
    cells = [["war", "drama"], np.array(["war", "drama"], dtype=object), "war, drama", ("war", "drama")]
    assert encoded(cells, spec).inputs["genres"].tolist() == [[3, 1]] * 4


def test_without_a_separator_a_text_is_one_category():
    assert encoded(["war"], bag(offset=1, length=2)).inputs["genres"].tolist() == [[3, 0]]


def test_without_a_length_ones_stand_for_what_is_there():
    found = encoded([["war", "drama", "war"], [], ["comedy"]], bag())
    assert found.inputs["genres"].dtype == np.float32
    assert found.inputs["genres"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert found.token_masks == {}


def test_unknown_and_missing_categories():
    cells = [["war", "noir"], None, ["drama"]]
    found = encoded(cells, bag(offset=1, length=2))
    assert found.reasons.tolist() == ["unknown category 'noir' in genres", "missing value in genres", None]
    assert found.inputs["genres"].tolist() == [[1, 0]]
    known = encoded(cells, bag(offset=2, length=2, unknown=1))
    assert known.inputs["genres"].tolist() == [[4, 1], [1, 0], [2, 0]]
    zeros = InputSpec.model_validate({"kind": "bag", "columns": "genres", "vocabulary": GENRES, "unknown": "zeros"})
    assert encoded(cells, zeros).inputs["genres"].tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_more_than_the_model_takes():
    found = encoded([["war", "drama", "comedy"], ["war"]], bag(offset=1, length=2))
    assert found.reasons.tolist() == ["3 values in genres, the model takes 2", None]
    assert found.inputs["genres"].tolist() == [[3, 0]]


def test_a_column_of_numbers_is_no_bag():
    with pytest.raises(DataError, match=r"column 'genres' holds int64 values, and .* 'genres' needs lists or text"):
        encode(pd.DataFrame({"genres": [1, 2]}), {"genres": bag()})


def test_numbers_in_lists_have_the_spelling_of_categories():
    spec = InputSpec(kind="bag", columns=("genres",), vocabulary=(1, 12), offset=1, length=2)
    assert encoded([np.array([12, 1]), np.array([12.0])], spec).inputs["genres"].tolist() == [[2, 1], [2, 0]]


def test_no_rows():
    assert encoded([], bag(offset=1, length=2)).inputs["genres"].shape == (0, 2)
    assert encoded([], bag()).inputs["genres"].shape == (0, 3)
