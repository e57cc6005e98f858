"""Images and series: lists of numbers into the shape that the model takes, never resized, never guessed."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ig_tasks.data.encoding import encode
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import DataError

PIXELS = np.arange(24.0).reshape(2, 4, 3)  # height, width, channels


def image(shape, **fields):
    return InputSpec(kind="image", columns=("image",), shape=shape, **fields)


def encoded(cells, spec):
    return encode(pd.DataFrame({"image": pd.Series(cells, dtype=object)}), {"image": spec})


def png(array, mode=None):
    pillow = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    pillow.fromarray(array.astype(np.uint8), mode=mode).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("given", ["nested", "flat", "array", "arrow", "png", "hub"])
def test_however_the_pixels_are_held(given):
    column = {
        "nested": lambda: [PIXELS.tolist()],
        "flat": lambda: [PIXELS.reshape(-1)],
        "array": lambda: [PIXELS],
        "arrow": lambda: pa.array([PIXELS.tolist()]).to_pandas().tolist(),
        "png": lambda: [png(PIXELS)],
        "hub": lambda: [{"bytes": png(PIXELS), "path": "a.png"}],
    }[given]()
    found = encoded(column, image((2, 4, 3), scale=1 / 255)).inputs["image"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (PIXELS / 255).astype(np.float32)[None])


def test_channels_go_where_the_model_has_them():
    first = np.moveaxis(PIXELS, 2, 0)
    for cell in (PIXELS, first, png(PIXELS), first.reshape(-1)):
        found = encoded([cell], image((3, 2, 4), channels="first")).inputs["image"]
        np.testing.assert_array_equal(found[0], first)
    np.testing.assert_array_equal(encoded([first], image((2, 4, 3))).inputs["image"][0], PIXELS)


def test_a_grey_image_with_and_without_its_axis():
    grey = PIXELS[:, :, 0]
    for cell in (grey, grey[:, :, None], png(grey)):
        assert encoded([cell], image((2, 4, 1))).inputs["image"].shape == (1, 2, 4, 1)
        assert encoded([cell], image((1, 2, 4), channels="first")).inputs["image"].shape == (1, 1, 2, 4)
        np.testing.assert_array_equal(encoded([cell], image((2, 4))).inputs["image"][0], grey)


def test_reasons():
    cells = [PIXELS, None, PIXELS[:, :3], "a.png", b"no image", [[1.0], [1.0, 2.0]], np.full((2, 4, 3), np.nan)]
    found = encoded(cells, image((2, 4, 3)))
    assert found.reasons.tolist() == [
        None,
        "missing value in image",
        "image of 2 x 3 x 3 in image, the model takes 2 x 4 x 3",
        "no image in image",
        "no image in image",
        "no image in image",
        "value in image is not finite",
    ]
    assert found.inputs["image"].shape == (1, 2, 4, 3)


def test_bytes_need_pillow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(DataError, match=r"an image's bytes need the package Pillow; pip install 'ig-tasks\[images\]'"):
        encoded([b"\x89PNG"], image((2, 4, 3)))


def test_one_row_alone_is_the_row_of_the_batch():
    cells = [PIXELS.reshape(-1), (PIXELS + 1).reshape(-1)]
    together = encoded(cells, image((2, 4, 3))).inputs["image"]
    np.testing.assert_array_equal(encoded(cells[1:], image((2, 4, 3))).inputs["image"], together[1:])


SERIES = pd.DataFrame({"a": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "b": [[10, 20, 30], [40, 50, 60]]})


def series(**fields):
    return {"s": InputSpec(kind="series", columns=("a", "b"), length=3, **fields)}


def test_series_by_time_then_column_or_the_other_way():
    found = encode(SERIES, series()).inputs["s"]
    assert found.dtype == np.float32
    assert found.tolist() == [[[1, 10], [2, 20], [3, 30]], [[4, 40], [5, 50], [6, 60]]]
    turned = encode(SERIES, series(channels="first")).inputs["s"]
    np.testing.assert_array_equal(turned, np.swapaxes(found, 1, 2))


def test_series_of_a_parquet_file_with_nulls_in_lists():
    frame = pa.table({"a": pa.array([[1.0, None, 3.0], [4.0, 5.0, 6.0]]), "b": SERIES["b"].tolist()}).to_pandas()
    found = encode(frame, series())
    assert found.reasons.tolist() == ["missing value in a", None]


def test_reasons_of_series():
    frame = pd.DataFrame({"a": pd.Series([[1.0, 2.0], None, "x", [1.0, 2.0, np.inf], [[1.0]], [1.0, 1e39, 1.0]])})
    found = encode(frame, {"s": InputSpec(kind="series", columns=("a",), length=3)})
    assert found.reasons.tolist() == [
        "2 values in a, the model takes 3",
        "missing value in a",
        "no list of numbers in a",
        "value in a is not finite",
        "no list of numbers in a",
        "value in a is not finite",
    ]
    assert found.inputs["s"].shape == (0, 3, 1)
