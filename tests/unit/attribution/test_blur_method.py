"""The path on which a picture comes into focus, on both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import EngineOptions, attribute_by_method
from ig_tasks.attribution.methods.blur import Blur
from ig_tasks.errors import InputError

pytestmark = pytest.mark.graphs


def run(model: Any, rows: Any, method: Any, **options: Any) -> Any:
    return attribute_by_method(model, rows, [{"inputs": 0.0}], EngineOptions(method=method, **options))


def heat(row: np.ndarray, sigma: float) -> np.ndarray:
    """A row under the Gaussian, as images without end: the row, mirrored, mirrored again ..."""
    place, mirrored = np.arange(row.size), np.concatenate([row, row[::-1]])
    there = np.arange(-40 * row.size, 41 * row.size)
    kernel = np.exp(-((place[:, None] - there[None]) ** 2) / (2.0 * sigma**2))
    return np.asarray((kernel * mirrored[there % mirrored.size]).sum(axis=1) / kernel.sum(axis=1))


def test_a_linear_model_has_the_difference_to_the_blurred_row(kit: Any) -> None:
    model = kit.function("3*x0 - 2*x1 + x3", 4)
    rows = np.array([[1.0, 4.0, -2.0, 0.5], [0.0, 1.0, 2.0, 3.0]])
    found = run(model, rows, Blur(sigma=2.0), tolerance=1e-8)
    blurred = np.stack([heat(row, 2.0) for row in rows])
    np.testing.assert_allclose(found.attributions, np.array([3.0, -2.0, 0.0, 1.0]) * (rows - blurred), atol=1e-6)
    np.testing.assert_allclose(found.baseline_output, blurred @ [3.0, -2.0, 0.0, 1.0], atol=1e-9)
    assert set(found.status) == {"converged"}


def test_it_is_complete_and_both_frameworks_agree(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    rows = rng.normal(size=(3, 6))
    found = [run(kit.dense(layers_of(6, 5, 1)), rows, "blur", tolerance=1e-6) for kit in kits]
    for each in found:
        np.testing.assert_allclose(each.attributions.sum(axis=1), each.output - each.baseline_output, atol=1e-5)
        assert set(each.status) == {"converged"}
    np.testing.assert_allclose(found[0].attributions, found[1].attributions, atol=1e-6)


def test_what_cannot_be_blurred_is_named_with_the_remedy(kit: Any, rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match=r"^method 'blur': axis 3 is not one of a row of input 'inputs'"):
        run(kit.function("x0", 2), np.ones((1, 2)), Blur(axes=(3,)))
    rows, start = {"num": rng.normal(size=(1, 3)), "cat": np.array([1])}, {"num": np.zeros(3), "cat": np.int64(2)}
    with pytest.raises(InputError, match=r"^method 'blur': input 'cat' is embedded"):
        attribute_by_method(kit.tabular(), rows, [start], EngineOptions(method="blur"), layers={"cat": "emb"})
    with pytest.raises(InputError, match=r"^method 'blur': sigma 0 is not a number above 0"):
        Blur(sigma=0)
