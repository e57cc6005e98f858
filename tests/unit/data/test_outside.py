"""What the model takes for its unknown is counted while rows are encoded, whatever the kind of the input."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode, unknown_counts
from ig_tasks.data.inputs import InputSpec
from ig_tasks.statistics import UnknownCounts

VOCABULARY = ("AA", "DL", "UA")


def counts(frame, rows=None, **spec):
    inputs = {"x": InputSpec.model_validate({"columns": ["c"], **spec})}
    encoded = encode(pd.DataFrame(frame), inputs)
    return unknown_counts(encoded, inputs, rows)


def known(**spec):
    return {"vocabulary": VOCABULARY, "offset": 1, "unknown": 0, **spec}


def test_a_column_of_categories():
    (found,) = counts({"c": ["AA", "aa", "aa ", None, "ZZ", "DL"]}, **known()).values()
    assert (found.rows, found.cells, found.unknown, found.missing, found.alike) == (6, 6, 3, 1, 2)
    assert found.spellings == {"ZZ": 1, "aa": 1, "aa ": 1}
    assert found.share == pytest.approx(4 / 6)
    assert found.alike_share == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("cells", "vocabulary", "unknown"),
    [
        (pd.array([1, 2, None], dtype="Int64"), ["1", "2"], 0),
        ([1.0, 2.0, np.nan], ["1", "2"], 0),
        (["1.0", "2.0", "3"], ["1", "2"], 3),
        ([True, False, True], [True, False], 0),
        (["true", "false", "True"], [True, False], 2),
        ([b"AA", b"DL", b"aa"], ["AA", "DL"], 1),
    ],
)
def test_numbers_and_truth_values_by_the_spelling_that_they_have(cells, vocabulary, unknown):
    (found,) = counts({"c": cells}, vocabulary=vocabulary, offset=1, unknown=0).values()
    assert found.unknown == unknown


def test_a_model_that_refuses_unknown_categories_has_nothing_to_count():
    assert counts({"c": ["AA", "aa"]}, vocabulary=VOCABULARY, offset=1) == {}


def test_ones_among_zeros():
    (found,) = counts({"c": ["AA", "aa"]}, kind="one_hot", vocabulary=VOCABULARY, unknown="zeros").values()
    assert (found.cells, found.unknown, found.spellings) == (2, 1, {"aa": 1})
    inputs = {"carrier": InputSpec(columns=("c_AA", "c_DL"), kind="one_hot")}
    encoded = encode(pd.DataFrame({"c_AA": [1, 0, 0], "c_DL": [0, 0, 1]}), inputs)
    assert unknown_counts(encoded, inputs) == {"carrier": UnknownCounts(3, 3, 1)}


@pytest.mark.parametrize("length", [None, 4])
def test_a_bag_by_its_categories(length):
    spec = known(kind="bag", separator=";", length=length) if length else {"kind": "bag", "separator": ";"}
    if length is None:
        spec |= {"vocabulary": VOCABULARY, "unknown": "zeros"}
    else:
        spec |= {"offset": 2, "unknown": 1}
    (found,) = counts({"c": ["AA;aa", "", "DL;ZZ;ZZ", None]}, **spec).values()
    assert (found.rows, found.cells, found.unknown, found.missing) == (4, 6, 3, 1)
    assert found.spellings == {"ZZ": 2, "aa": 1}


def test_words_of_a_text_that_are_not_cut_off():
    spec = {"kind": "tokens", "length": 3, "vocabulary": ["good", "film"], "offset": 2, "unknown": 1}
    (found,) = counts({"c": ["a good film", "good good good strange", "dull"]}, **spec).values()
    assert (found.rows, found.cells, found.unknown) == (3, 7, 2)
    assert found.spellings == {"a": 1, "dull": 1}


def test_a_tokenizer_by_its_unknown_token(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[PAD]": 0, "[UNK]": 1, "good": 2}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    spec = {"kind": "tokens", "length": 4, "tokenizer": str(tmp_path / "tokenizer.json")}
    (found,) = counts({"c": ["good film", "dull film good"]}, **spec).values()
    assert (found.cells, found.unknown, found.spellings) == (5, 3, {"film": 2, "dull": 1})


def test_rows_that_are_left_out_are_not_counted():
    inputs = {
        "x": InputSpec.model_validate({"columns": ["c"], **known()}),
        "n": InputSpec(columns=("n",)),
    }
    frame = pd.DataFrame({"c": ["zz", "aa", "AA", "bb"], "n": [np.nan, 1.0, 2.0, 3.0]})
    encoded = encode(frame, inputs)
    assert unknown_counts(encoded, inputs)["c"].spellings == {"aa": 1, "bb": 1}
    assert unknown_counts(encoded, inputs, np.array([True, True, False]))["c"] == UnknownCounts(
        2, 2, 1, alike=1, spellings={"aa": 1}
    )


def test_parts_merge_to_the_whole_and_travel_as_json():
    draw = np.random.default_rng(0)
    cells = draw.choice(["AA", "aa", "DL", "ZZ", "YY"], size=300).astype(object)
    whole = counts({"c": cells}, **known())["c"]
    parts = [counts({"c": part}, **known())["c"] for part in np.array_split(cells, 3)]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert merged == whole
    assert UnknownCounts.from_json(merged.to_json()) == whole


def test_a_row_that_is_left_out_says_which_category_was_probably_meant():
    inputs = {"x": InputSpec.model_validate({"columns": ["c"], "vocabulary": VOCABULARY, "offset": 1})}
    encoded = encode(pd.DataFrame({"c": ["aa", "ZZ"]}), inputs)
    assert encoded.reasons.tolist() == [
        "unknown category 'aa' in c (the model knows 'AA')",
        "unknown category 'ZZ' in c",
    ]
