"""The packages of text and images: cards that hold, one way of reading text in training and in ig-tasks."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.models import open_package

REVIEWS = ["reviews_text", "reviews_multimodal"]


@pytest.fixture(scope="module")
def held_out(demo_models):
    """{data set: its held-out rows}"""
    found = {}
    for name in ("reviews", "digits"):
        file = demo_models.parents[1] / ".data" / name / "split=test" / "part-0.parquet"
        if not file.is_file():
            pytest.skip("needs the reviews and the digits: make samples")
        found[name] = pq.read_table(file, partitioning=None).to_pandas()
    return found


@pytest.mark.parametrize("name", REVIEWS)
def test_the_card_of_the_reviews_holds(name, demo_models, held_out):
    from include.models.flights_data import area_under_curve

    package = open_package(demo_models / name, trusted_root=demo_models)
    test = package.config.card.model_extra["test"]
    encoded = encode(held_out["reviews"], package.config.inputs)
    assert encoded.keep.all()
    assert encoded.keep.size == test["rows"]
    logits = package.load().predict({**encoded.inputs, **encoded.fixed})[:, 0]
    recommended = held_out["reviews"]["recommended"].to_numpy()
    assert area_under_curve(recommended, logits) == pytest.approx(test["auc"], abs=1e-4)
    assert ((logits > 0) == (recommended > 0)).mean() == pytest.approx(test["accuracy"], abs=1e-3)
    assert test["auc"] > 0.91
    assert test["accuracy"] > test["accuracy_of_always_yes"] + 0.04


def test_the_card_of_the_digits_holds(demo_models, held_out):
    package = open_package(demo_models / "digits_image")
    test = package.config.card.model_extra["test"]
    encoded = encode(held_out["digits"], package.config.inputs)
    assert encoded.inputs["image"].shape == (test["rows"], 8, 8, 1)
    read = package.load().predict(encoded.inputs).argmax(axis=1)
    right = (read == held_out["digits"]["digit"].astype(int)).mean()
    assert right == pytest.approx(test["accuracy"], abs=0.003)
    assert right > 0.96


@pytest.mark.parametrize("name", REVIEWS)
def test_training_and_ig_tasks_read_the_same_tokens(name, demo_models, held_out):
    from include.models.reviews_data import package_arrays

    package = open_package(demo_models / name, trusted_root=demo_models)
    rows = held_out["reviews"]
    encoded = encode(rows, package.config.inputs)
    found = {**encoded.inputs, **encoded.fixed}
    trained_on = package_arrays(rows, package.root)
    assert found.keys() == trained_on.keys() == package.config.inputs.keys()
    for name, array in trained_on.items():
        assert (found[name] == array).all(), name


@pytest.mark.parametrize("name", [*REVIEWS, "digits_image"])
def test_small_and_described(name, demo_models):
    package = open_package(demo_models / name, trusted_root=demo_models)
    assert sum((package.root / file).stat().st_size for file in package.files) < 1_000_000
    card = package.config.card
    assert all([card.name, card.version, card.owner, card.intended_use])
    assert {"trained_on", "test", "training", "notes"} <= card.model_extra.keys()


@pytest.mark.parametrize("name", REVIEWS)
def test_the_code_of_the_packages_is_the_architecture(name, demo_models):
    assert (demo_models / name / "model.py").read_bytes() == (demo_models / "architecture_reviews.py").read_bytes()


@pytest.mark.parametrize("name", REVIEWS)
def test_padding_says_nothing(name, demo_models, held_out):
    """A text fills as many places as its words, whatever stands behind them."""
    import torch

    package = open_package(demo_models / name, trusted_root=demo_models)
    model = package.load().model
    encoded = encode(held_out["reviews"].head(50), package.config.inputs)
    inputs = {name: torch.from_numpy(array) for name, array in {**encoded.inputs, **encoded.fixed}.items()}
    longest = int(inputs["review_mask"].sum(dim=1).max())
    assert longest > 0
    wider = dict(inputs)
    for part in ("review", "review_mask"):
        wider[part] = torch.cat([inputs[part], torch.zeros(50, 30, dtype=torch.int64)], dim=1)
    with torch.inference_mode():
        np.testing.assert_allclose(model(**wider), model(**inputs), rtol=1e-5, atol=1e-5)


def test_a_tokenizer_is_learnt_alike_every_time(tmp_path):
    from include.models.reviews_data import by_tokenizer, learn_tokenizer

    texts = ["Soft, warm and flattering", "flattering fit: warm!", "fitting"] * 3
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    sizes = [learn_tokenizer(order, 80, file) for order, file in zip([texts, texts[::-1]], files, strict=True)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert sizes[0] == sizes[1] <= 80
    tokens = by_tokenizer(files[0])
    assert tokens("WARM warm") == [tokens("warm")[0]] * 2
    # A word that is new is read by its pieces; a character that is new is unknown.
    assert 1 not in tokens("warming")
    assert tokens("§") == [1]


def test_words_are_known_by_how_often_they_stand():
    from include.models.reviews_data import by_words, learn_words, padded

    known = learn_words(["It fits.", "it FITS well"], at_least=2)
    assert known == ["fits", "it"]
    ids = padded(["Well, it fits", "fits it fits it"], by_words(known), 3)
    assert ids.tolist() == [[1, 3, 2], [2, 3, 2]]
    assert padded(["it"], by_words(known), 3).tolist() == [[3, 0, 0]]


def test_batches_repeat_and_make_two_percent_unknown():
    from include.models import train_reviews

    rows = 40 * train_reviews.BATCH + 5
    inputs = {
        "review": np.tile(np.array([5, 6, 0], dtype=np.int64), (rows, 1)),
        "review_mask": np.ones((rows, 3), dtype=np.int64),
        "department": np.full(rows, 3, dtype=np.int64),
        "garment": np.full(rows, 2, dtype=np.int64),
    }
    label = np.arange(rows, dtype=np.float32)
    runs = [list(train_reviews.batches(train_reviews.MULTIMODAL, inputs, label)) for _ in range(2)]
    assert len(runs[0]) == 40 * train_reviews.EPOCHS
    assert all((one == two).all() for (_, one), (_, two) in zip(*runs, strict=True))
    seen = np.concatenate([batch["review"] for batch, _ in runs[0]])
    assert Counter(seen[:, 2].tolist()) == {0: len(seen)}
    assert (seen[:, :2] == 1).mean() == pytest.approx(0.02, abs=0.003)
    assert np.mean([batch["garment"] == 0 for batch, _ in runs[0]]) == pytest.approx(0.02, abs=0.003)
    assert (inputs["review"] == [5, 6, 0]).all()


def test_the_digits_are_read_in_their_shape(tmp_path):
    from include.models.train_digits import read

    folder = tmp_path / "split=train"
    folder.mkdir()
    pixels = np.arange(64, dtype=np.uint8) % 17
    pd.DataFrame({"image": [pixels, pixels[::-1]], "digit": ["3", "8"]}).to_parquet(folder / "part-0.parquet")
    images, digits = read(tmp_path, "train")
    assert images.shape == (2, 8, 8, 1)
    assert images[0, 1, 0, 0] == 8 / 16
    assert digits.tolist() == [3, 8]
