"""Features: which numbers of an input's attributions each sums, and what a row held of it."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.data.features import Feature, feature_matrix, feature_values, features_of
from ig_tasks.data.inputs import InputSpec

WORDS = ("red", "green", "blue")
INPUTS = {
    "numeric": InputSpec(columns=("a", "b")),
    "kind": InputSpec(columns=("kind",), vocabulary=WORDS, layer="e"),
    "colour": InputSpec(kind="one_hot", columns=("colour",), vocabulary=WORDS),
    "text": InputSpec(kind="tokens", columns=("text",), vocabulary=WORDS, offset=1, length=5, layer="w"),
    "mask": InputSpec(kind="mask", of="text"),
    "last": InputSpec(kind="image", columns=("picture",), shape=(5, 4, 3), grid=(2, 2)),
    "first": InputSpec(kind="image", columns=("scan",), shape=(3, 5, 4), channels="first", grid=(2, 3)),
    "whole": InputSpec(kind="image", columns=("thumb",), shape=(5, 4)),
    "series": InputSpec(kind="series", columns=("x", "y"), length=6),
    "turned": InputSpec(kind="series", columns=("u", "v"), length=6, channels="first"),
    "made": InputSpec(kind="array", columns=("a", "b"), shape=(2, 3), features=("p", "q", "r")),
    "blob": InputSpec(kind="array", columns=("a",), shape=(2, 3)),
}


@pytest.fixture
def attributions():
    draw = np.random.default_rng(3)
    shapes = {name: spec.row_shape for name, spec in INPUTS.items() if name != "mask"}
    return {name: draw.normal(size=(7, *shape)) for name, shape in shapes.items()}


def test_one_feature_a_column_or_group():
    names = [feature.name for feature in features_of(INPUTS)]
    assert names == [
        "a", "b", "kind", "colour", "text", "picture[0,0]", "picture[0,1]", "picture[1,0]", "picture[1,1]",
        *(f"scan[{row},{column}]" for row in range(2) for column in range(3)), "thumb", "x", "y", "u", "v",
        "p", "q", "r", "blob",
    ]  # fmt: skip


def test_numbers_and_categories_are_what_they_always_were():
    assert features_of({"numeric": INPUTS["numeric"], "kind": INPUTS["kind"]}) == (
        Feature("a", "numeric", "a", "numeric"),
        Feature("b", "numeric", "b", "numeric"),
        Feature("kind", "kind", "kind", "categorical"),
    )


def test_every_number_is_in_one_feature_and_the_sums_agree(attributions):
    features = features_of(INPUTS)
    matrix = feature_matrix(attributions, features)
    assert matrix.shape == (7, len(features))
    for name, array in attributions.items():
        mine = [place for place, feature in enumerate(features) if feature.input == name]
        np.testing.assert_allclose(matrix[:, mine].sum(axis=1), array.reshape(7, -1).sum(axis=1), rtol=0, atol=1e-12)


def test_which_numbers_a_feature_sums(attributions):
    features = features_of(INPUTS)
    columns = {feature.name: feature_matrix(attributions, features)[:, place] for place, feature in enumerate(features)}
    expected = {
        "b": attributions["numeric"][:, 1],
        "kind": attributions["kind"],
        "colour": attributions["colour"].sum(axis=1),
        "text": attributions["text"].sum(axis=1),
        # Five rows of pixels in two cells: two, then three.
        "picture[0,1]": attributions["last"][:, :2, 2:].sum(axis=(1, 2, 3)),
        "picture[1,0]": attributions["last"][:, 2:, :2].sum(axis=(1, 2, 3)),
        "scan[1,2]": attributions["first"][:, :, 2:, 2:].sum(axis=(1, 2, 3)),
        "thumb": attributions["whole"].sum(axis=(1, 2)),
        "y": attributions["series"][:, :, 1].sum(axis=1),
        "v": attributions["turned"][:, 1].sum(axis=1),
        "q": attributions["made"][:, :, 1].sum(axis=1),
        "blob": attributions["blob"].sum(axis=(1, 2)),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(columns[name], values, rtol=0, atol=1e-12, err_msg=name)


def test_all_outputs_at_once(attributions):
    twice = {name: np.stack([array, 2 * array], axis=1) for name, array in attributions.items()}
    features = features_of(INPUTS)
    both = feature_matrix(twice, features, leading=2)
    np.testing.assert_allclose(both[:, 1], 2 * feature_matrix(attributions, features), rtol=0, atol=1e-12)


def test_what_rows_held():
    inputs = {
        "numeric": InputSpec(columns=("a",)),
        "genres": InputSpec(kind="bag", columns=("genres",), vocabulary=("x", "y"), separator="|"),
        "text": INPUTS["text"],
        "colour": INPUTS["colour"],
        "series": InputSpec(kind="series", columns=("s",), length=2),
        "made": InputSpec(kind="array", columns=("a", "s"), shape=(2,)),
    }
    frame = pd.DataFrame(
        {
            "a": [1.5, 2.5],
            "genres": ["x| y", None],
            "text": ["red green", "blue"],
            "colour": ["red", "blue"],
            "s": [[1.0, 2.0], [3.0, 4.0]],
        }
    )
    values = feature_values(frame, features_of(inputs), inputs)
    assert values.tolist() == [[1.5, "x, y", "red green", "red", None, None], [2.5, None, "blue", "blue", None, None]]
