"""Baselines of images, series, lists of ids and one-hot groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ig_tasks.baselines.counts import BaselineCounts
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import fit_baseline
from ig_tasks.baselines.per_row import blurred
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import BaselineError
from ig_tasks.spec import BaselineSpec

IMAGE = {"image": InputSpec(columns=("image",), kind="image", shape=(2, 3))}
PIXELS = np.array([[[0, 1, 2], [3, 4, 5]], [[2, 1, 0], [3, 0, 5]], [[4, 1, 1], [3, 8, 2]]], dtype=np.float32)
SERIES = {"series": InputSpec(columns=("a", "b"), kind="series", length=3)}
TOKENS = {
    "text": InputSpec(
        columns=("text",),
        kind="tokens",
        vocabulary=("[cls]", "[sep]", "good", "bad", "soup"),
        offset=1,
        padding=0,
        special=(1, 2),
        length=5,
        layer="words",
    )
}
IDS = np.array([[1, 3, 5, 2, 0], [1, 3, 3, 4, 2], [1, 5, 2, 0, 0]])
VECTORS = np.arange(18.0).reshape(6, 3)


def embed(_layer: str, ids: np.ndarray) -> np.ndarray:
    return VECTORS[ids]


def fit(inputs: Any, arrays: Any, strategy: str, **options: Any) -> Baseline:
    asked = BaselineSpec(strategy=strategy, **options)
    return fit_baseline(asked, BaselineCounts.of(inputs, arrays, asked), inputs)


def starts(inputs: Any, arrays: Any, strategy: str, **options: Any) -> list[np.ndarray]:
    (name,) = inputs
    fitted = fit(inputs, arrays, strategy, **options)
    again = Baseline.of_facts(fitted.to_table(inputs), fitted.facts, inputs)
    assert again == fitted
    return [point[name] for point in PlacedBaseline.of(again, inputs, embed).starts(arrays)]


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("zero", {}, [[0, 0, 0], [0, 0, 0]]),
        ("auto", {}, [[2, 1, 1], [3, 4, 5]]),
        ("mean", {}, [[2, 1, 1], [3, 4, 4]]),
        ("quantile", {"q": 1.0}, [[4, 1, 2], [3, 8, 5]]),
        ("constant", {"value": 0.5}, [[0.5] * 3] * 2),
        ("constant", {"value": {"image": 0.25}}, [[0.25] * 3] * 2),
    ],
)
def test_images_element_by_element(strategy: str, options: Any, expected: Any) -> None:
    (point,) = starts(IMAGE, {"image": PIXELS}, strategy, **options)
    np.testing.assert_allclose(point, expected)


def test_the_farther_end_of_each_pixels_own_range() -> None:
    (point,) = starts(IMAGE, {"image": PIXELS}, "max_distance")
    np.testing.assert_array_equal(point[0], [[4, 1, 0], [3, 0, 2]])


def test_samples_of_images_are_images() -> None:
    found = starts(IMAGE, {"image": PIXELS}, "samples", k=2)
    assert all(any(np.array_equal(point, row) for row in PIXELS) for point in found)


def test_noise_stays_in_each_pixels_range() -> None:
    (point,) = starts(IMAGE, {"image": PIXELS}, "noise")
    assert point.shape == PIXELS.shape
    assert ((point >= PIXELS.min(axis=0)) & (point <= PIXELS.max(axis=0))).all()
    assert (point[:, 0, 1] == 1.0).all()


def test_a_blurred_image_is_the_rows_own() -> None:
    (point,) = starts(IMAGE, {"image": PIXELS}, "blur", sigma=1.5)
    for row, pixels in zip(point, PIXELS, strict=True):
        np.testing.assert_allclose(row, gaussian_filter(pixels.astype(float), 1.5, mode="nearest"))


def test_a_blur_keeps_what_is_flat_and_spreads_a_point() -> None:
    flat = np.full((2, 5, 5), 3.0)
    np.testing.assert_allclose(blurred(flat, (0, 1), 2.0), flat)
    point = np.zeros((1, 1, 21))
    point[0, 0, 10] = 1.0
    found = blurred(point, (1,), 1.0)[0, 0]
    weights = np.exp(-0.5 * np.arange(-4, 5) ** 2.0)
    np.testing.assert_allclose(found[6:15], weights / weights.sum())


@pytest.mark.parametrize(("channels", "axes"), [("first", (1, 2)), ("last", (0, 1))])
def test_channels_are_not_blurred_into_one_another(channels: str, axes: tuple[int, int]) -> None:
    shape = (3, 8, 8) if channels == "first" else (8, 8, 3)
    inputs = {"image": InputSpec(columns=("image",), kind="image", shape=shape, channels=channels)}
    rows = np.random.default_rng(0).random((2, *shape))
    (point,) = starts(inputs, {"image": rows}, "blur")
    np.testing.assert_allclose(point, blurred(rows, axes, 0.8))


def test_a_series_is_blurred_over_time_alone() -> None:
    rows = np.array([[[0.0, 7.0], [6.0, 7.0], [0.0, 7.0]]])
    (point,) = starts(SERIES, {"series": rows}, "blur", sigma=1.0)
    np.testing.assert_allclose(point[0, :, 1], 7.0)
    assert 0 < point[0, 0, 0] < point[0, 1, 0] < 6


def test_padding_and_special_tokens_are_their_own_baseline() -> None:
    (point,) = starts(TOKENS, {"text": IDS}, "auto")
    np.testing.assert_array_equal(point, [[1, 0, 0, 2, 0], [1, 0, 0, 0, 2], [1, 0, 2, 0, 0]])


def test_padding_is_called_padding_and_no_unknown_word() -> None:
    assert fit(TOKENS, {"text": IDS}, "auto").describe(TOKENS) == {"text": "padding in every place"}
    levels = np.array(["a", "b", "b"], dtype=object)
    asked = BaselineSpec(strategy="median", segment="place")
    counts = BaselineCounts.of(TOKENS, {"text": IDS}, asked, levels=levels)
    assert fit_baseline(asked, counts, TOKENS).describe(TOKENS) == {"text": "padding in every place"}
    assert fit(TOKENS, {"text": IDS}, "mode").describe(TOKENS) == {"text": "good"}


def test_the_mean_embedding_of_tokens_is_of_the_words_that_count() -> None:
    (point,) = starts(TOKENS, {"text": IDS}, "mean_embedding")
    mean = (3 * VECTORS[3] + VECTORS[4] + 2 * VECTORS[5]) / 6
    np.testing.assert_allclose(point[0], [VECTORS[1], mean, mean, VECTORS[2], VECTORS[0]])


@pytest.mark.parametrize(
    ("strategy", "first"), [("mode", [1, 3, 3, 2, 0]), ("zero", None), ("unknown", [1, 0, 0, 2, 0])]
)
def test_other_strategies_of_tokens(strategy: str, first: Any) -> None:
    (point,) = starts(TOKENS, {"text": IDS}, strategy)
    if first is None:
        np.testing.assert_allclose(point[0], [VECTORS[1], [0, 0, 0], [0, 0, 0], VECTORS[2], VECTORS[0]])
    else:
        np.testing.assert_array_equal(point[0], first)


def test_a_sampled_text_stands_in_the_places_of_words() -> None:
    found = starts(TOKENS, {"text": IDS}, "samples", k=3)
    for point in found:
        np.testing.assert_array_equal(point[:, 0], 1)
        np.testing.assert_array_equal(np.isin(point[0], IDS) & (point[0, 3:] == [2, 0]).all(), True)


def test_a_list_of_ids_is_the_same_in_any_batch() -> None:
    fitted = fit(TOKENS, {"text": IDS}, "mean")
    placed = PlacedBaseline.of(fitted, TOKENS, embed)
    (whole,) = placed.starts({"text": IDS})
    (some,) = placed.starts({"text": IDS[[2, 0]]})
    np.testing.assert_array_equal(some["text"], whole["text"][[2, 0]])


def test_a_bag_of_ids_takes_the_mean_embedding_unless_told_otherwise() -> None:
    bag = InputSpec(columns=("g",), kind="bag", vocabulary=("x", "y"), offset=1, length=3, padding=0, layer="words")
    ids = np.array([[1, 2, 0], [1, 0, 0]])
    (point,) = starts({"bag": bag}, {"bag": ids}, "auto")
    mean = (2 * VECTORS[1] + VECTORS[2]) / 3
    np.testing.assert_allclose(point, [[mean, mean, VECTORS[0]], [mean, VECTORS[0], VECTORS[0]]])


@pytest.mark.parametrize(
    ("strategy", "options", "expected"),
    [
        ("auto", {}, [0.5, 0.25, 0.25]),
        ("mode", {}, [1, 0, 0]),
        ("zero", {}, [0, 0, 0]),
        ("unknown", {}, [0, 0, 0]),
        ("constant", {"value": {"colour": "blue"}}, [0, 0, 1]),
        ("max_distance", {}, [0.5, 0.25, 0.25]),
    ],
)
def test_a_one_hot_group_by_the_shares_of_its_categories(strategy: str, options: Any, expected: Any) -> None:
    colour = {"colour": InputSpec(columns=("colour",), kind="one_hot", vocabulary=("red", "green", "blue"))}
    rows = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    (point,) = starts(colour, {"colour": rows}, strategy, **options)
    np.testing.assert_allclose(point, expected)


def test_arrays_by_segment_take_means_only() -> None:
    asked = BaselineSpec(strategy="median", segment="place")
    counts = BaselineCounts.of(IMAGE, {"image": PIXELS}, asked, levels=np.array(["x", "y", "y"], dtype=object))
    with pytest.raises(BaselineError, match="by segment an array such as input 'image' takes strategy 'mean' only"):
        fit_baseline(asked, counts, IMAGE)
    asked = BaselineSpec(strategy="mean", segment="place")
    counts = BaselineCounts.of(IMAGE, {"image": PIXELS}, asked, levels=np.array(["x", "y", "y"], dtype=object))
    placed = PlacedBaseline.of(fit_baseline(asked, counts, IMAGE), IMAGE, embed)
    (point,) = placed.starts({"image": PIXELS}, {"place": np.array(["y", "x", "z"], dtype=object)})
    np.testing.assert_allclose(point["image"], [PIXELS[1:].mean(axis=0), PIXELS[0], PIXELS.mean(axis=0)])
