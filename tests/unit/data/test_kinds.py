"""Kinds of inputs: faults of model.yaml, named before a row is read; keys of the store that stay what they were."""

import pytest
from pydantic import ValidationError

from ig_tasks.data.inputs import InputSpec, check_inputs, explained, feature_names

WORDS = ("good", "bad")
IMAGE = {"columns": "image", "kind": "image", "shape": [4, 4, 1]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"kind": "tokens", "columns": "t", "vocabulary": WORDS, "offset": 1},
            "length: an input of kind 'tokens' needs",
        ),
        ({"kind": "tokens", "columns": "t", "length": 4}, "tokenizer: give a tokenizer.json, or a vocabulary of words"),
        (
            {"kind": "tokens", "columns": "t", "length": 4, "tokenizer": "t.json", "vocabulary": WORDS, "offset": 1},
            "tokenizer: give a tokenizer.json, or a vocabulary of words, one of them",
        ),
        (
            {"kind": "tokens", "columns": "t", "length": 4, "vocabulary": WORDS},
            "padding: id 0 is also the id of category 'good'; add `offset: 1` .* stands for the padding",
        ),
        (
            {"kind": "tokens", "columns": ["a", "b"], "length": 4, "tokenizer": "t"},
            "kind 'tokens' goes with one column",
        ),
        ({"kind": "bag", "columns": "t"}, "vocabulary: an input of kind 'bag' needs it"),
        ({"kind": "bag", "columns": "t", "vocabulary": WORDS, "dtype": "int64"}, "length: a bag of ids needs one"),
        ({"kind": "bag", "columns": "t", "vocabulary": WORDS, "layer": "e"}, "layer and offset: they go with ids"),
        (
            {"kind": "bag", "columns": "t", "vocabulary": WORDS, "offset": 1, "length": 2, "unknown": "zeros"},
            "unknown: zeros: a bag of ids has an id",
        ),
        (
            {"kind": "one_hot", "columns": "c", "vocabulary": WORDS, "layer": "e"},
            "layer: does not go with .* 'one_hot'",
        ),
        ({"kind": "one_hot", "columns": "c", "vocabulary": WORDS, "dtype": "int64"}, "dtype: .* is not of 'int64'"),
        ({"columns": "c", "vocabulary": WORDS, "unknown": "zeros"}, "unknown: zeros: does not go with .*'categorical'"),
        ({"kind": "mask"}, "of: a mask is made with the input it names"),
        ({"kind": "mask", "of": "t", "columns": "c"}, "columns: a mask is made with the input"),
        ({**IMAGE, "shape": [4]}, r"shape: an image is \[height, width\]"),
        ({**IMAGE, "grid": [5, 1]}, r"grid: \[5, 1\] cells do not fit into 4 x 4 pixels"),
        ({**IMAGE, "shape": [1, 4, 4], "channels": "first", "grid": [5, 1]}, "do not fit into 4 x 4 pixels"),
        ({"kind": "series", "columns": "a"}, "length: an input of kind 'series' needs it"),
        ({"kind": "array", "columns": "a"}, "shape: an input of kind 'array' needs it"),
        (
            {"kind": "array", "columns": "a", "shape": [3], "features": ["x", "y"]},
            "features: 2 names for the last axis",
        ),
        ({"kind": "numeric"}, "columns: no columns"),
        ({"columns": "a", "grid": [1, 1]}, "grid: does not go with an input of kind 'numeric'"),
        ({"kind": "video", "columns": "a"}, "Input should be 'numeric', 'categorical'"),
    ],
)
def test_faults(fields, message):
    with pytest.raises(ValidationError, match=message):
        InputSpec.model_validate(fields)


def test_inputs_that_do_not_go_together():
    tokens = InputSpec(kind="tokens", columns=("t",), length=4, vocabulary=WORDS, offset=1)
    mask = InputSpec(kind="mask", of="text")
    check_inputs({"text": tokens, "mask": mask})
    with pytest.raises(
        ValueError, match=r"inputs.mask.of: 'text' is not an input of padded ids; did you mean 'texts'?"
    ):
        check_inputs({"texts": tokens, "mask": mask})
    with pytest.raises(ValueError, match="there are masks only"):
        check_inputs({"mask": mask})
    assert list(explained({"text": tokens, "mask": mask})) == ["text"]


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"columns": ["a", "b"]}, (2,)),
        ({"columns": "a", "vocabulary": WORDS}, ()),
        ({"columns": ["a", "b"], "dtype": "int64"}, (2,)),
        ({"kind": "one_hot", "columns": "a", "vocabulary": WORDS}, (2,)),
        ({"kind": "one_hot", "columns": ["a", "b", "c"]}, (3,)),
        ({"kind": "bag", "columns": "a", "vocabulary": WORDS}, (2,)),
        ({"kind": "bag", "columns": "a", "vocabulary": WORDS, "offset": 1, "length": 5}, (5,)),
        ({"kind": "series", "columns": ["a", "b"], "length": 5}, (5, 2)),
        ({"kind": "series", "columns": ["a", "b"], "length": 5, "channels": "first"}, (2, 5)),
        ({"kind": "array", "columns": "a", "shape": [3, 2]}, (3, 2)),
        (IMAGE, (4, 4, 1)),
    ],
)
def test_shape_of_a_row(fields, shape):
    assert InputSpec.model_validate(fields).row_shape == shape


def test_defaults_of_dtype():
    def dtype(**fields):
        return InputSpec(columns=("a",), **fields).dtype

    assert dtype(kind="tokens", length=2, vocabulary=WORDS, offset=1) == "int64"
    assert dtype(kind="bag", vocabulary=WORDS) == "float32"
    assert dtype(kind="bag", vocabulary=WORDS, offset=1, length=2) == "int64"
    assert dtype(kind="one_hot", vocabulary=WORDS) == "float32"
    assert InputSpec(kind="mask", of="t").dtype == "int64"


def test_what_is_written_of_numbers_and_categories_is_what_it_always_was():
    """Folders of fitted baselines are named by it."""
    assert InputSpec(columns=("a",)).model_dump(mode="json") == {
        "columns": ["a"], "dtype": "float32", "vocabulary": None, "offset": 0, "unknown": None, "layer": None,
    }  # fmt: skip
    image = InputSpec.model_validate({**IMAGE, "grid": [2, 2]}).model_dump(mode="json")
    assert (image["kind"], image["shape"], image["grid"]) == ("image", [4, 4, 1], [2, 2])
    assert InputSpec.model_validate(image).row_shape == (4, 4, 1)


def test_a_tokenizer_counts_by_its_content(tmp_path):
    file = tmp_path / "tokenizer.json"
    spec = InputSpec(kind="tokens", columns=("t",), length=4, tokenizer=str(file))
    file.write_text("one")
    first = spec.model_dump(mode="json")["tokenizer"]
    file.write_text("two")
    second = spec.model_dump(mode="json")["tokenizer"]
    assert first.startswith("sha256:")
    assert first != second


def test_names_of_features_are_unique():
    inputs = {
        "numeric": InputSpec(columns=("age", "fare")),
        "coarse": InputSpec(columns=("age",)),
        "mask": InputSpec(kind="mask", of="text"),
        "image": InputSpec.model_validate({**IMAGE, "grid": [1, 2]}),
        "made": InputSpec(kind="array", columns=("age", "fare"), shape=(3,)),
        "colour": InputSpec(kind="one_hot", columns=("is_red", "is_blue")),
    }
    assert feature_names(inputs) == {
        "numeric": ("age (numeric)", "fare"),
        "coarse": ("age (coarse)",),
        "mask": (),
        "image": ("image[0,0]", "image[0,1]"),
        "made": ("made",),
        "colour": ("colour",),
    }
