"""Keras models that prepare their inputs by layers: explained from behind these, or refused with the layer and why."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ig_tasks import explain
from ig_tasks.errors import ModelError
from ig_tasks.models import load_model

keras = pytest.importorskip("keras")

FRAME = pd.DataFrame({
    "review": ["A good film!", "bad, BAD plot", "it's good, and again a good film"],
    "carrier": ["UA", "AA", "XX"],
    "code": [10, 30, 77],
    "temp": [1.0, 25.0, 60.0],
    "colour": ["red", "blue", "red"],
})  # fmt: skip
WORDS = ["good", "film", "a", "plot", "bad"]
REVIEW = {
    "columns": "review", "kind": "tokens", "vocabulary": WORDS, "offset": 2, "unknown": 1, "length": 4,
    "standardize": "lower_and_strip_punctuation", "layer": "embed_review",
}  # fmt: skip
CARRIER = {"columns": "carrier", "vocabulary": ["AA", "UA", "DL"], "offset": 1, "unknown": 0, "layer": "embed_carrier"}
CODE = {"columns": "code", "vocabulary": [10, 20, 30], "offset": 1, "unknown": 0, "layer": "embed_code"}


def embedded(name: str, ids: Any, rows: int = 8, *, mask: bool = False) -> Any:
    draw = keras.initializers.RandomNormal(0, 1, seed=1)
    return keras.layers.Embedding(rows, 3, draw, name=f"embed_{name}", mask_zero=mask)(ids)


def scored(*parts: Any) -> Any:
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(list(parts))
    hidden = keras.layers.Dense(4, activation="tanh")(joined)
    return keras.layers.Dense(1)(hidden)


def vectorized(*, mask: bool = False, **settings: Any) -> Any:
    """Text through a TextVectorization, adapted, and an embedding."""
    text = keras.Input((), name="review", dtype="string")
    options = {"output_sequence_length": 4, **settings}
    layer = keras.layers.TextVectorization(8, name="words", **options)
    layer.adapt(["a good film", "a bad plot", "good good film"])
    assert layer.get_vocabulary()[-5:] == WORDS
    found = layer(text)
    if options.get("output_mode", "int") == "int":
        found = keras.layers.GlobalAveragePooling1D()(embedded("review", found, mask=mask))
    return keras.Model({"review": text}, scored(found))


def text_lookup(**settings: Any) -> tuple[Any, Any]:
    text = keras.Input((), name="carrier", dtype="string")
    return text, keras.layers.StringLookup(vocabulary=["AA", "UA", "DL"], name="lookup", **settings)(text)


def code_lookup(shape: tuple[int, ...] = ()) -> tuple[Any, Any]:
    code = keras.Input(shape, name="code", dtype="int64")
    return code, keras.layers.IntegerLookup(vocabulary=[10, 20, 30], name="lookup_code")(code)


def coded() -> Any:
    code, ids = code_lookup()
    return keras.Model({"code": code}, scored(embedded("code", ids)))


def one_hot_codes() -> Any:
    code, ids = code_lookup((1,))
    return keras.Model({"code": code}, scored(keras.layers.CategoryEncoding(4, "one_hot", name="hot")(ids)))


def one_hot_text() -> Any:
    text, ones = text_lookup(output_mode="one_hot")
    return keras.Model({"carrier": text}, scored(ones))


def listed_one_hot() -> Any:
    """No layer looks anything up: the ids of the table become zeros and ones in the model."""
    code = keras.Input((1,), name="code", dtype="int64")
    return keras.Model({"code": code}, scored(keras.layers.CategoryEncoding(80, "one_hot", name="hot")(code)))


def several() -> Any:
    """Text, words, numbers looked up, and a number as it is: five inputs in one pass, in a list."""
    text, ids = text_lookup()
    code, code_ids = code_lookup()
    words = keras.Input((1,), name="review", dtype="string")
    options = {"output_sequence_length": 4, "vocabulary": WORDS, "name": "words"}
    word_ids = keras.layers.TextVectorization(8, **options)(words)
    temp = keras.Input((1,), name="temp")
    scaled = keras.layers.Normalization(mean=[20.0], variance=[100.0])(temp)
    parts = [embedded("carrier", ids), embedded("code", code_ids), scaled]
    parts.append(keras.layers.Flatten()(embedded("review", word_ids)))
    return keras.Model([text, code, words, temp], scored(*parts))


def sequential() -> Any:
    return keras.Sequential([
        keras.Input((1,), name="review", dtype="string"),
        keras.layers.TextVectorization(8, output_sequence_length=4, vocabulary=WORDS, name="words"),
        keras.layers.Embedding(8, 3, keras.initializers.RandomNormal(0, 1, seed=1), name="embed_review"),
        keras.layers.Flatten(),
        keras.layers.Dense(1),
    ])  # fmt: skip


def saved(model: Any, inputs: dict[str, Any], root: Path) -> Path:
    root.mkdir()
    model.save(root / "model.keras")
    config = {
        "framework": "tensorflow",
        "weights": "model.keras",
        "inputs": inputs,
        "targets": {"late": {"output": 0, "space": "logit"}},
    }
    (root / "model.yaml").write_text(yaml.safe_dump(config))
    return root


def own_output(model: Any, rows: pd.DataFrame) -> np.ndarray:
    """What the model itself, with its lookups, says of the table."""
    import tensorflow as tf

    given = []
    for tensor in model.inputs:
        cells = rows[tensor.name].to_numpy(dtype=object if tensor.dtype == "string" else tensor.dtype)
        given.append(tf.constant(cells.reshape(len(rows), *tensor.shape[1:])))
    by_name = not isinstance(model, keras.Sequential) and isinstance(model.input, dict)
    found = model({model.inputs[0].name: given[0]} if by_name else given if len(given) > 1 else given[0])
    return np.asarray(found)[:, 0]


EXPLAINED: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "words": (vectorized, {"review": REVIEW}),
    "masked words": (lambda: vectorized(mask=True), {"review": REVIEW}),
    "words as they are": (
        lambda: vectorized(standardize=None),
        {"review": {**REVIEW, "standardize": "none"}},
    ),
    "words in lower case": (lambda: vectorized(standardize="lower"), {"review": {**REVIEW, "standardize": "lower"}}),
    "a sequence of layers": (sequential, {"review": REVIEW}),
    "numbers looked up": (coded, {"code": CODE}),
    "numbers looked up and encoded": (
        one_hot_codes,
        {"code": {"columns": "code", "kind": "one_hot", "vocabulary": [-1, 10, 20, 30]}},
    ),
    "text encoded": (
        one_hot_text,
        {"carrier": {"columns": "carrier", "kind": "one_hot", "vocabulary": ["[UNK]", "AA", "UA", "DL"]}},
    ),
    "ids encoded": (
        listed_one_hot,
        {"code": {"columns": "code", "kind": "one_hot", "vocabulary": list(range(80))}},
    ),
    "several at once": (
        several,
        {"carrier": CARRIER, "code": CODE, "review": REVIEW, "temp": {"columns": "temp"}},
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_explained_from_behind_the_lookups(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    build, inputs = EXPLAINED[name]
    model = build()
    loaded = load_model(saved(model, inputs, tmp_path / "package"))
    found = explain(loaded, FRAME, tolerance=1e-4)
    # A category that a one-hot vocabulary lacks has no place among its columns: the row is set aside, and said to be.
    kept = np.asarray([row not in found.details.get("quarantined", {}) for row in range(len(FRAME))])
    assert kept.tolist() == [True, True, "encoded" not in name or name == "ids encoded"]
    np.testing.assert_allclose(found.output[kept], own_output(model, FRAME)[kept], rtol=0, atol=1e-6)
    assert list(found.status[kept]) == ["converged"] * int(kept.sum())
    difference = (found.output - found.baseline_output)[kept]
    np.testing.assert_allclose(found.matrix[kept].sum(axis=1), difference, rtol=0, atol=1e-4)
    assert np.abs(difference).max() > 0.05, "a difference of nothing would prove nothing"
    assert set(found.features) == {column for one in inputs.values() for column in [one["columns"]]}


def hashed() -> Any:
    text = keras.Input((), name="carrier", dtype="string")
    return keras.Model({"carrier": text}, scored(embedded("carrier", keras.layers.Hashing(5, name="hash")(text))))


def binned() -> Any:
    temp = keras.Input((1,), name="temp")
    ids = keras.layers.Discretization([10.0, 20.0, 50.0], name="bins")(temp)
    return keras.Model({"temp": temp}, scored(keras.layers.Flatten()(embedded("temp", ids))))


def twice() -> Any:
    text, ids = text_lookup()
    other = keras.layers.StringLookup(vocabulary=["UA"], name="other")(text)
    return keras.Model({"carrier": text}, scored(embedded("carrier", ids), embedded("other", other)))


def pairs() -> Any:
    text = keras.Input((2,), name="carrier", dtype="string")
    ids = keras.layers.StringLookup(vocabulary=["AA", "UA", "DL"], name="lookup")(text)
    return keras.Model({"carrier": text}, scored(keras.layers.Flatten()(embedded("carrier", ids))))


def paired() -> Any:
    text = keras.Input((), name="review", dtype="string")
    layer = keras.layers.TextVectorization(9, name="words", ngrams=2, output_sequence_length=4)
    layer.adapt(["a good film"])
    return keras.Model({"review": text}, scored(keras.layers.Flatten()(embedded("review", layer(text), 9))))


BEHIND = "save the model that begins behind it"
REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "no length": (
        lambda: vectorized(output_sequence_length=None),
        {"review": REVIEW},
        "inputs.review: the model's layer 'words' gives as many ids as a text has words; give it an output_sequence_",
    ),
    "ragged": (
        lambda: vectorized(output_sequence_length=None, ragged=True),
        {"review": REVIEW},
        "inputs.review: the model's layer 'words' gives as many ids as a text has words",
    ),
    "counts": (
        lambda: vectorized(output_mode="multi_hot", output_sequence_length=None),
        {"review": REVIEW},
        rf"layer 'words' counts its words \(output_mode 'multi_hot'\), and these have no ids; {BEHIND}",
    ),
    "pairs of words": (
        paired,
        {"review": REVIEW},
        f"layer 'words' does not split it at blanks into single words; do so in `preprocess`, and {BEHIND}",
    ),
    "another length": (
        vectorized,
        {"review": {**REVIEW, "length": 5}},
        r"a row is of shape \[5\] here and of shape \[4\] behind the model's layer 'words'; its `length` has to fit",
    ),
    "split otherwise": (
        vectorized,
        {"review": {name: held for name, held in REVIEW.items() if name != "standardize"}},
        "inputs.review.standardize: is not given, and the model's layer 'words' has lower_and_strip_punctuation; take",
    ),
    "words in another order": (
        vectorized,
        {"review": {**REVIEW, "vocabulary": WORDS[::-1]}},
        r"inputs.review.vocabulary: text 'bad' gives \[2, 0, 0, 0\] here and \[6, 0, 0, 0\] in the model's layer",
    ),
    "not as words": (vectorized, {"review": {"columns": "review"}}, "describe it as `kind: tokens` with the"),
    "hashing": (
        hashed,
        {"carrier": CARRIER},
        f"layer 'hash' hashes it, and no vocabulary gives the same ids; hash in `preprocess`, and {BEHIND}",
    ),
    "bins": (
        binned,
        {"temp": {"columns": "temp"}},
        "inputs.temp: the model's layer 'bins' sorts its numbers into bins, which has no gradient; make the bins in",
    ),
    "numbers without a vocabulary": (
        coded,
        {"code": {"columns": "code", "dtype": "int64", "layer": "embed_code"}},
        "inputs.code: the model looks its numbers up in layer 'lookup_code', which has no gradient; give the input the",
    ),
    "numbers in another order": (
        coded,
        {"code": {**CODE, "vocabulary": [20, 10, 30]}},
        "inputs.code.vocabulary: category '20' has id 1 here and 2 in the model's layer 'lookup_code'",
    ),
    "words for numbers": (coded, {"code": {**CODE, "vocabulary": ["ten"]}}, "'ten' is not a number, and"),
    "too few columns": (
        one_hot_text,
        {"carrier": {"columns": "carrier", "kind": "one_hot", "vocabulary": ["AA", "UA", "DL"]}},
        r"a row is of shape \[3\] here and of shape \[4\] behind the model's layer 'lookup'; its `vocabulary` is the",
    ),
    "another unknown": (
        one_hot_text,
        {"carrier": {
            "columns": "carrier", "kind": "one_hot", "vocabulary": ["[UNK]", "AA", "UA", "DL"], "unknown": "zeros",
        }},
        "an unknown category gives",
    ),
    "several texts per row": (
        pairs,
        {"carrier": {**CARRIER, "kind": "bag", "length": 2, "padding": 4, "unknown": None}},
        "inputs.carrier: the model looks up 2 values per row, and a vocabulary stands for one; save the model that",
    ),
    "two lookups of one text": (twice, {"carrier": CARRIER}, "it goes into lookup, other; one lookup alone can be"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str, tmp_path: Path) -> None:
    build, inputs, message = REFUSED[name]
    with pytest.raises(ModelError, match=message) as raised:
        load_model(saved(build(), inputs, tmp_path / "package"))
    assert "\n" not in str(raised.value)


def test_a_bare_file_with_lookups_beside_numbers_loads_and_says_what_to_do(tmp_path: Path) -> None:
    from ig_tasks.errors import InputError

    several().save(tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")
    shapes = {"carrier": (), "code": (), "review": (1,), "temp": (1,)}
    given = {name: FRAME[name].to_numpy().reshape(len(FRAME), *shape) for name, shape in shapes.items()}
    with pytest.raises(InputError, match="load the model as a package, which begins behind its lookup"):
        explain(model, given)


def test_an_adapted_layer_in_an_h5_file_has_lost_what_it_learned(tmp_path: Path) -> None:
    root = saved(vectorized(), {"review": REVIEW}, tmp_path / "package")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vectorized().save(root / "model.h5")
    (root / "model.keras").unlink()
    (root / "model.yaml").write_text((root / "model.yaml").read_text().replace("model.keras", "model.h5"))
    with pytest.raises(ModelError, match=r"layer 'words' looks nothing up \(.*\); what an adapted layer has learned"):
        load_model(root)


def test_a_lookup_in_a_saved_model(tmp_path: Path) -> None:
    root = saved(vectorized(), {"review": REVIEW}, tmp_path / "package")
    vectorized().export(root / "saved", verbose=False)
    (root / "model.yaml").write_text((root / "model.yaml").read_text().replace("model.keras", "saved"))
    with pytest.raises(ModelError, match=r"a SavedModel keeps its lookup inside; save the model as .keras, or export"):
        load_model(root, trusted_root=root)


def test_a_layer_that_is_not_keras_s_own(tmp_path: Path) -> None:
    class Doubled(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    given = keras.Input((2,))
    keras.Model(given, scored(Doubled()(given))).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=r"holds a Doubled, which is not Keras's own; import the code that registers"):
        load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("refused", ["hashing", "bins"])
def test_the_remedy_for_what_no_vocabulary_can_stand_for(refused: str, tmp_path: Path) -> None:
    """The model that begins behind the layer, saved out of the whole one, and the layer's work in `preprocess`."""
    keras.utils.set_random_seed(2)
    build, inputs, _ = REFUSED[refused]
    whole, (name, column) = build(), next((name, one["columns"]) for name, one in inputs.items())
    layer, embedding = whole.layers[1], whole.get_layer(f"embed_{name}")
    ids = keras.Input(embedding.input.shape[1:], name=name, dtype="int64")
    found = ids
    for one in whole.layers[2:]:
        found = one(found)
    shape = list(embedding.input.shape[1:])
    described = {"columns": column, "kind": "array", "dtype": "int64", "shape": shape, "layer": embedding.name}
    root = saved(keras.Model({name: ids}, found), {name: described}, tmp_path / "package")
    work = {
        "hashing": "ids = keras.layers.Hashing(5)(frame['carrier'].tolist())",
        "bins": "ids = np.searchsorted([10.0, 20.0, 50.0], frame[['temp']], side='right')",
    }[refused]
    (root / "prepare.py").write_text(
        f"import keras\nimport numpy as np\n\n\ndef encode(frame):\n    {work}\n"
        f"    return {{{name!r}: np.asarray(ids).astype('int64')}}\n"
    )
    (root / "model.yaml").write_text((root / "model.yaml").read_text() + "preprocess: prepare:encode\n")
    assert isinstance(layer, keras.layers.Hashing | keras.layers.Discretization)
    explained = explain(load_model(root, trusted_root=root), FRAME, tolerance=1e-4)
    np.testing.assert_allclose(explained.output, own_output(whole, FRAME), rtol=0, atol=1e-6)
    assert list(explained.status) == ["converged"] * len(FRAME)
    difference = explained.output - explained.baseline_output
    np.testing.assert_allclose(explained.matrix.sum(axis=1), difference, rtol=0, atol=1e-4)
    assert np.abs(difference).max() > 0.05
