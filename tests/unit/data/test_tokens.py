"""Text into ids: padding, masks, special tokens, and what is said of texts that give none."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.tokens import tokens_of, words_of
from ig_tasks.errors import DataError

WORDS = ("good", "bad", "film")
BY_WORDS = InputSpec(kind="tokens", columns=("text",), vocabulary=WORDS, offset=2, unknown=1, length=4)
MASK = InputSpec(kind="mask", of="ids")


def by_file(file, **fields):
    return InputSpec(
        kind="tokens", columns=("text",), tokenizer=str(file), **{"length": 6, "special": (2, 3), **fields}
    )


@pytest.fixture
def tokenizer(tmp_path):
    """Words in lower case between [CLS] = 2 and [SEP] = 3; [PAD] = 0, [UNK] = 1."""
    tokenizers = pytest.importorskip("tokenizers")
    ids = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "good": 4, "bad": 5, "film": 6}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    file = tmp_path / "tokenizer.json"
    made.save(str(file))
    return file


def encoded(texts, spec):
    return encode(pd.DataFrame({"text": pd.Series(texts, dtype=object)}), {"ids": spec, "mask": MASK})


def test_words_of_a_vocabulary_in_lower_case():
    found = encoded(["A GOOD film!", "bad"], BY_WORDS)
    assert found.inputs["ids"].tolist() == [[1, 2, 4, 0], [3, 0, 0, 0]]
    assert found.inputs["ids"].dtype == np.int64
    assert found.fixed["mask"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert found.fixed["mask"].dtype == np.int64
    assert list(found.inputs) == ["ids"]
    assert list(found.arrays) == ["ids", "mask"]


@pytest.mark.parametrize(
    ("standardize", "words"),
    [
        ("lower_and_strip_punctuation", ["its", "a", "good\u00a0film", "\u00c9t\u00e9"]),
        ("lower", ["it's", "a-", "good\u00a0film!", "\u00c9t\u00e9"]),
        ("strip_punctuation", ["Its", "A", "good\u00a0film", "\u00c9t\u00e9"]),
        ("none", ["It's", "A-", "good\u00a0film!", "\u00c9t\u00e9"]),
    ],
)
def test_words_as_keras_makes_them(standardize, words):
    """Capitals, punctuation and blanks are those of ASCII; what is between two blanks is one word."""
    spec = InputSpec(
        kind="tokens",
        columns=("text",),
        vocabulary=tuple(words),
        offset=2,
        unknown=1,
        length=5,
        standardize=standardize,
    )
    text = "It's\tA-  good\u00a0film!\n\u00c9t\u00e9"
    assert encoded([text], spec).inputs["ids"].tolist() == [[2, 3, 4, 5, 0]]


def test_keras_words_go_with_a_vocabulary(tokenizer):
    with pytest.raises(ValueError, match="standardize: goes with a vocabulary; a tokenizer splits texts itself"):
        by_file(tokenizer, standardize="lower")
    with pytest.raises(ValueError, match="standardize: does not go with an input of kind 'categorical'"):
        InputSpec(columns=("text",), vocabulary=WORDS, standardize="lower")


def test_longer_texts_are_cut_off_and_what_is_cut_off_is_not_looked_at():
    spec = BY_WORDS.model_copy(update={"unknown": None})
    found = encoded(["good good good bad strange"], spec)
    assert found.inputs["ids"].tolist() == [[2, 2, 2, 3]]


def test_a_tokenizers_ids_special_tokens_and_padding(tokenizer):
    found = encoded(["A good film", "bad"], by_file(tokenizer))
    assert found.inputs["ids"].tolist() == [[2, 1, 4, 6, 3, 0], [2, 5, 3, 0, 0, 0]]
    assert found.fixed["mask"].tolist() == [[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]]


def test_a_tokenizer_keeps_its_last_token_when_it_cuts_off(tokenizer):
    assert encoded(["good film bad film"], by_file(tokenizer, length=4)).inputs["ids"].tolist() == [[2, 4, 6, 3]]


def test_one_row_alone_is_the_row_of_the_batch(tokenizer):
    texts = ["good", "a good film of good films", "bad film"]
    for spec in (BY_WORDS, by_file(tokenizer)):
        together = encoded(texts, spec)
        for row, text in enumerate(texts):
            alone = encoded([text], spec)
            np.testing.assert_array_equal(alone.inputs["ids"][0], together.inputs["ids"][row])
            np.testing.assert_array_equal(alone.fixed["mask"][0], together.fixed["mask"][row])


def test_a_mask_may_be_of_another_type():
    mask = InputSpec(kind="mask", of="ids", dtype="bool")
    found = encode(pd.DataFrame({"text": ["bad"]}), {"mask": mask, "ids": BY_WORDS})
    assert found.fixed["mask"].tolist() == [[True, False, False, False]]


def test_texts_that_give_nothing():
    found = encoded(["good", None, "...", ""], BY_WORDS)
    assert found.reasons.tolist() == [None, "missing value in text", "no words in text", "no words in text"]
    assert found.fixed["mask"].shape == (1, 4)
    closed = encoded(["good", "strange film"], BY_WORDS.model_copy(update={"unknown": None}))
    assert closed.reasons.tolist() == [None, "unknown category 'strange' in text"]


def test_a_column_without_text():
    with pytest.raises(DataError, match=r"column 'text' holds int values \(such as 3\), and .*'ids' needs text"):
        encoded([3], BY_WORDS)


def test_a_tokenizer_that_pads_otherwise(tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    other = tokenizers.Tokenizer.from_file(str(tokenizer))
    other.enable_padding(pad_id=1, pad_token="[UNK]", direction="left")
    other.save(str(tokenizer))
    with pytest.raises(
        DataError, match=r"inputs.ids.padding: it is 0, and the tokenizer pads with id 1; set `padding: 1"
    ):
        encoded(["bad"], by_file(tokenizer))
    left = encoded(["bad"], by_file(tokenizer, padding=1))
    assert left.inputs["ids"].tolist() == [[1, 1, 1, 2, 5, 3]]
    assert left.fixed["mask"].tolist() == [[0, 0, 0, 1, 1, 1]]


def test_a_file_that_is_no_tokenizer(tmp_path):
    pytest.importorskip("tokenizers")
    with pytest.raises(DataError, match=r"inputs.ids.tokenizer: .* cannot be read"):
        encoded(["bad"], by_file(tmp_path / "none.json"))
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DataError, match=r"inputs.ids.tokenizer: .*bad.json' is not a tokenizer.json"):
        encoded(["bad"], by_file(tmp_path / "bad.json"))


def test_what_the_ids_stand_for(tokenizer):
    found = encoded(["bad strange film"], BY_WORDS)
    words = words_of(found.inputs["ids"], found.token_masks["ids"], BY_WORDS)
    assert words.tolist() == [["bad", "(unknown)", "film", None]]
    spec = by_file(tokenizer)
    found = encoded(["bad film"], spec)
    words = tokens_of(found.inputs, found.token_masks, {"ids": spec, "mask": MASK})
    assert words["ids"].tolist() == [["[CLS]", "bad", "film", "[SEP]", None, None]]
    assert words_of(np.empty((0, 6), dtype=np.int64), np.empty((0, 6), dtype=bool), spec).shape == (0, 6)


def test_no_rows(tokenizer):
    for spec in (BY_WORDS, by_file(tokenizer)):
        found = encoded([], spec)
        assert found.inputs["ids"].shape == (0, spec.length)
        assert found.fixed["mask"].shape == (0, spec.length)
