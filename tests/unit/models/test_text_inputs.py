"""Keras models that take text: explained from behind their lookup, or refused with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from ig_tasks import explain
from ig_tasks.errors import ModelError
from ig_tasks.models import load_model

FRAME = pd.DataFrame({"carrier": ["UA", "AA", "XX"], "temp": [1.0, 2.0, 3.0], "wind": [4.0, 5.0, 6.0]})
CARRIER = {"columns": "carrier", "vocabulary": ["AA", "UA", "DL"], "offset": 1, "unknown": 0, "layer": "embed_carrier"}


def package(root: Path, carrier: dict[str, Any], *, split: bool = False) -> tuple[Path, Any]:
    """A package, and the model as it was saved: text through a StringLookup, numbers through a Normalization."""
    import keras

    text, numbers = keras.Input((), name="carrier", dtype="string"), keras.Input((2,), name="numeric")
    if split:
        vector = keras.layers.TextVectorization(4, output_sequence_length=2, vocabulary=["aa", "ua"], name="words")
        embedded = keras.layers.Flatten()(keras.layers.Embedding(4, 3, name="embed_carrier")(vector(text)))
    else:
        lookup = keras.layers.StringLookup(vocabulary=["AA", "UA", "DL"], name="lookup")
        embedded = keras.layers.Embedding(4, 3, name="embed_carrier")(lookup(text))
    scaled = keras.layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], name="scale")(numbers)
    hidden = keras.layers.Dense(8, activation="tanh")(keras.layers.Concatenate()([scaled, embedded]))
    model = keras.Model({"carrier": text, "numeric": numbers}, keras.layers.Dense(1)(hidden))
    root.mkdir()
    model.save(root / "model.keras")
    config = {
        "framework": "tensorflow",
        "weights": "model.keras",
        "inputs": {"carrier": carrier, "numeric": {"columns": ["temp", "wind"]}},
        "targets": {"late": {"output": 0, "space": "logit"}},
    }
    (root / "model.yaml").write_text(yaml.safe_dump(config))
    return root, model


def test_text_is_explained_through_the_embedding_behind_its_lookup(tmp_path: Path) -> None:
    import tensorflow as tf

    root, model = package(tmp_path / "text", CARRIER)
    loaded = load_model(root)
    own = model({
        "carrier": tf.constant(FRAME["carrier"].to_numpy(dtype=object)),
        "numeric": tf.constant(FRAME[["temp", "wind"]].to_numpy(np.float32)),
    })  # fmt: skip
    encoded = loaded.package.encode(FRAME)
    np.testing.assert_allclose(loaded.predict(encoded.arrays), own.numpy(), atol=1e-6)
    for found in (explain(loaded, FRAME), explain(loaded, FRAME, target="late")):
        assert found.features == ("carrier", "temp", "wind")
        assert (found.status == "converged").all()
        np.testing.assert_allclose(found.output, own.numpy()[:, 0], atol=1e-6)
        np.testing.assert_allclose(found.matrix.sum(axis=1), found.output - found.baseline_output, rtol=0, atol=1e-4)
        assert np.abs(found.matrix).min() > 1e-6


@pytest.mark.parametrize(
    ("carrier", "message"),
    [
        (
            {**CARRIER, "vocabulary": ["UA", "AA", "DL"]},
            "category 'UA' has id 1 here and 2 in the model's layer 'lookup'",
        ),
        ({**CARRIER, "offset": 0, "unknown": None}, "category 'AA' has id 0 here and 1 in the model's layer 'lookup'"),
        ({**CARRIER, "unknown": 4}, "an unknown category has id 4 here and 0 in the model's layer 'lookup'"),
        ({"columns": "carrier"}, "the model takes text, which has no gradient; give the input the `vocabulary` of its"),
    ],
)
def test_a_vocabulary_that_is_not_the_models(tmp_path: Path, carrier: dict[str, Any], message: str) -> None:
    root, _ = package(tmp_path / "text", carrier)
    with pytest.raises(ModelError, match=message):
        load_model(root)


def test_text_that_is_split_into_words_by_the_model(tmp_path: Path) -> None:
    root, _ = package(tmp_path / "text", CARRIER, split=True)
    with pytest.raises(
        ModelError, match="which has no gradient; describe it as `kind: tokens` with the `vocabulary` of"
    ):
        load_model(root)
