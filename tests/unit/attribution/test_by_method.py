"""Attributions by other definitions than Integrated Gradients, on both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import EngineOptions, attribute, attribute_by_method
from ig_tasks.attribution.methods import METHODS, choose_method
from ig_tasks.attribution.methods.expected_gradients import ExpectedGradients
from ig_tasks.attribution.methods.gradient_x_input import GradientXInput
from ig_tasks.attribution.methods.guided import Guided
from ig_tasks.attribution.methods.idgi import Idgi
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.noise_averaged import NoiseAveraged
from ig_tasks.attribution.methods.saliency import Saliency
from ig_tasks.attribution.methods.weighted_baselines import WeightedBaselines
from ig_tasks.errors import BaselineError, InputError

pytestmark = pytest.mark.graphs

LAYERS = {"cat": "emb"}
POINT = (
    Saliency(),
    Saliency(absolute=False),
    GradientXInput(),
    Idgi(steps=7),
    Guided(steps=6),
    NoiseAveraged(samples=3),
    NoiseAveraged(IntegratedGradients(), samples=2, noise=0.05),
    NoiseAveraged(Guided(steps=3), kind="vargrad", samples=3),
    NoiseAveraged(kind="smoothgrad_squared", samples=3),
)


def run(model: Any, rows: Any, method: Any, *starts: Any, target: Any = None, **settings: Any) -> Any:
    names = rows if isinstance(rows, dict) else {"inputs": rows}
    given = [start if isinstance(start, dict) else dict.fromkeys(names, start) for start in starts or (0.0,)]
    layers = {name: layer for name, layer in LAYERS.items() if name in names}
    options = EngineOptions(method=method, **settings)
    return attribute_by_method(model, rows, given, options, target=target, layers=layers)


def gradient(model: Any, point: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """By central differences of the model's own output, in double precision."""
    moves = np.eye(point.size) * step
    import torch

    with torch.no_grad():
        high, low = (model(torch.tensor(point + sign * moves)).numpy()[:, 0] for sign in (1, -1))
    return (high - low) / (2 * step)


@pytest.fixture
def smooth(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(3, 4, 1))


@pytest.fixture
def rows(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(5, 3))


@pytest.fixture
def mixed(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"num": rng.normal(size=(4, 3)), "cat": rng.integers(0, 6, 4)}


def test_saliency_is_the_gradient_at_the_row(kits: Any, smooth: Any, layers_of: Any, rows: np.ndarray) -> None:
    expected = np.stack([gradient(kits[0].dense(layers_of(3, 4, 1)), row) for row in rows])
    signed = run(smooth, rows, Saliency(absolute=False))
    np.testing.assert_allclose(signed.attributions, expected, atol=1e-8)
    np.testing.assert_allclose(run(smooth, rows, "saliency").attributions, np.abs(expected), atol=1e-8)
    np.testing.assert_allclose(run(smooth, rows, "gradient_x_input").attributions, rows * expected, atol=1e-8)


def test_what_a_method_has_not_is_nan_and_unverified(smooth: Any, rows: np.ndarray) -> None:
    found = run(smooth, rows, "saliency")
    assert set(found.status) == {"unverified"}
    for figure in (found.convergence_delta, found.relative_delta, found.error_estimate):
        assert np.isnan(figure).all()
    assert np.isfinite(found.output).all()
    assert found.details["method"] == "saliency"
    assert "neither completeness nor an error estimate" in repr(found)


def test_guided_moves_what_changes_least_first(kit: Any) -> None:
    model = kit.function("(2*x0 + x1)**2", 2)
    found = run(model, np.array([[3.0, 3.0]]), Guided(max_distance=1.0), tolerance=1e-9)
    np.testing.assert_allclose(found.attributions, [[72.0, 9.0]], atol=1e-9)
    assert found.status[0] == "converged"
    straight = run(model, np.array([[3.0, 3.0]]), Guided(max_distance=0.0), tolerance=1e-9)
    np.testing.assert_allclose(straight.attributions, [[54.0, 27.0]], atol=1e-9)


def test_guided_keeps_near_the_straight_path(kit: Any) -> None:
    """Where y may run ahead by a tenth of its way only, it has 9 + 18 d of the 27 that the straight path gives it."""
    model = kit.function("(2*x0 + x1)**2", 2)
    shares = [
        run(model, np.array([[3.0, 3.0]]), Guided(steps=20, max_distance=far)).attributions[0, 1]
        for far in (0.0, 0.1, 0.3, 1.0)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(27.0)
    assert shares[-1] == pytest.approx(9.0)


def test_expected_gradients_is_the_mean_of_integrated_gradients(
    smooth: Any, rows: np.ndarray, rng: np.random.Generator
) -> None:
    starts = list(rng.normal(size=(4, 3)))
    found = run(smooth, rows, "expected_gradients", *starts, tolerance=1e-8)
    each = np.stack([attribute(smooth, rows, start, tolerance=1e-8).attributions for start in starts])
    np.testing.assert_allclose(found.attributions, each.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found.standard_error, each.std(axis=0, ddof=1) / 2.0, atol=1e-6)
    assert set(found.status) == {"converged"}
    total = found.attributions.sum(axis=1)
    np.testing.assert_allclose(total, found.output - found.baseline_output, atol=1e-6)


def test_weighted_baselines_is_the_weighted_mean(smooth: Any, rows: np.ndarray, rng: np.random.Generator) -> None:
    starts = list(rng.normal(size=(2, 3)))
    found = run(smooth, rows, WeightedBaselines((3, 1)), *starts, tolerance=1e-8)
    first, second = (attribute(smooth, rows, start, tolerance=1e-8).attributions for start in starts)
    np.testing.assert_allclose(found.attributions, 0.75 * first + 0.25 * second, atol=1e-6)
    alone = run(smooth, rows, WeightedBaselines((1, 0)), *starts, tolerance=1e-8)
    np.testing.assert_allclose(alone.attributions, first, atol=1e-6)


def test_idgi_adds_up_to_the_difference(smooth: Any, rows: np.ndarray) -> None:
    found = run(smooth, rows, Idgi(steps=5))
    np.testing.assert_allclose(found.attributions.sum(axis=1), found.output - found.baseline_output, atol=1e-12)
    assert set(found.status) == {"unverified"}
    assert np.isnan(found.error_estimate).all()


def test_idgi_of_a_linear_model_goes_by_squared_weights(kit: Any) -> None:
    model = kit.function("3*x0 - 4*x1", 2)
    found = run(model, np.array([[1.0, 1.0]]), Idgi(steps=3))
    np.testing.assert_allclose(found.attributions, [[-9 / 25, -16 / 25]], atol=1e-12)


def test_smoothgrad_averages_the_draws_that_numpy_gives(kit: Any) -> None:
    """Of x0**2 + 3 x1 the gradient is (2 x0, 3), so that the mean over noise is known from the draws."""
    row, samples, noise = np.array([[1.0, 2.0]]), 4, 0.5
    draws = np.random.default_rng(5).standard_normal((samples, 2)) * noise * 1.0
    gradients = np.stack([2.0 * (1.0 + draws[:, 0]), np.full(samples, 3.0)], axis=1)
    model = kit.function("x0**2 + 3*x1", 2)
    for kind, expected in (
        ("smoothgrad", gradients.mean(axis=0)),
        ("smoothgrad_squared", (gradients**2).mean(axis=0)),
        ("vargrad", gradients.var(axis=0)),
    ):
        method = NoiseAveraged(kind=kind, samples=samples, noise=noise, seed=5)
        np.testing.assert_allclose(run(model, row, method).attributions[0], expected, atol=1e-12)


@pytest.mark.parametrize("method", POINT, ids=lambda method: f"{method.name}-{getattr(method, 'kind', '')}")
def test_both_frameworks_agree_also_where_a_layer_embeds(kits: Any, mixed: dict[str, np.ndarray], method: Any) -> None:
    start = {"num": np.zeros(3), "cat": np.int64(2)}
    found = [run(kit.tabular(), mixed, method, start) for kit in kits]
    for name in mixed:
        np.testing.assert_allclose(found[0].attributions[name], found[1].attributions[name], atol=1e-6)
        assert found[0].attributions[name].shape == mixed[name].shape
    np.testing.assert_array_equal(found[0].status, found[1].status)


@pytest.mark.parametrize("method", POINT, ids=lambda method: f"{method.name}-{getattr(method, 'kind', '')}")
def test_an_irrelevant_feature_has_nothing_and_rows_do_not_matter_to_one_another(kit: Any, method: Any) -> None:
    model = kit.function("sin(x0) * x2", 3)
    rows = np.array([[1.0, 5.0, 0.5], [0.3, -2.0, 2.0], [np.nan, 1.0, 1.0]])
    found = run(model, rows, method)
    np.testing.assert_array_equal(found.attributions[:2, 1], 0.0)
    assert (found.attributions[:2, [0, 2]] != 0.0).all()
    assert found.status[2] == "not_finite"
    assert np.isnan(found.attributions[2]).all()
    alone = run(model, rows[1:2], method)
    np.testing.assert_allclose(alone.attributions, found.attributions[1:2], atol=1e-12)


@pytest.mark.parametrize("method", [IntegratedGradients(), ExpectedGradients(), WeightedBaselines((1.0, 3.0))])
def test_an_irrelevant_feature_has_nothing_on_average_over_baselines_either(kit: Any, method: Any) -> None:
    model = kit.function("sin(x0) * x2", 3)
    rows, starts = np.array([[1.0, 5.0, 0.5], [0.3, -2.0, 2.0]]), ([0.1, 4.0, 0.2], [-0.7, 1.0, -1.0])
    found = run(model, rows, method, *starts)
    np.testing.assert_array_equal(found.attributions[:, 1], 0.0)
    assert (found.attributions[:, [0, 2]] != 0.0).all()


def test_every_output_has_its_own_path(kit: Any, layers_of: Any, rows: np.ndarray) -> None:
    model = kit.dense(layers_of(3, 4, 2))
    both = run(model, rows, Guided(steps=5), target="all")
    for column in (0, 1):
        one = run(model, rows, Guided(steps=5), target=column)
        np.testing.assert_allclose(both.attributions[:, column], one.attributions, atol=1e-12)


def test_several_baselines_are_averaged_by_any_method(smooth: Any, rows: np.ndarray, rng: np.random.Generator) -> None:
    starts = list(rng.normal(size=(2, 3)))
    mean = np.mean([run(smooth, rows, Idgi(steps=4), start).attributions for start in starts], axis=0)
    np.testing.assert_allclose(run(smooth, rows, Idgi(steps=4), *starts).attributions, mean, atol=1e-12)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("guidd", "did you mean 'guided'"),
        ({"name": "guided", "fracton": 0.1}, "did you mean 'fraction'"),
        ({"name": "guided", "fraction": 2}, "fraction 2 is not a share"),
        (Guided, "give an object, Guided(...)"),
        (3, "3 is not known"),
        ({"name": "idgi", "steps": 0}, "steps 0 is not a whole number from 1"),
        ({"name": "noise_averaged", "method": "expected_gradients"}, "expected_gradients has no average over noise"),
        ({"name": "noise_averaged", "kind": "smooth"}, "not one of smoothgrad"),
        ({"name": "weighted_baselines", "weights": [1, -1]}, "one for each baseline"),
    ],
)
def test_a_wrong_method_is_named_with_the_remedy(method: Any, words: str) -> None:
    with pytest.raises(InputError, match=r"^method") as raised:
        choose_method(method)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_method_is_written_as_it_is_read() -> None:
    for name in METHODS.keys() - {"weighted_baselines", "neuron", "layer", "conductance", "through_units"}:
        assert choose_method(name).written == name
    described = {"name": "noise_averaged", "method": {"name": "guided", "steps": 9}, "samples": 2}
    assert choose_method(described).written == described
    assert choose_method(choose_method(described).written) == choose_method(described)


def test_baselines_that_do_not_fit_the_method(smooth: Any, rows: np.ndarray) -> None:
    with pytest.raises(BaselineError, match=r"^baseline: method 'expected_gradients' averages over baselines"):
        run(smooth, rows, ExpectedGradients())
    with pytest.raises(BaselineError, match=r"has 3 weights, and the baseline is 1"):
        run(smooth, rows, WeightedBaselines((1, 1, 1)))


def test_the_engine_itself_takes_methods_of_one_baseline(smooth: Any, rows: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"^method: 'expected_gradients' is not of one baseline"):
        attribute(smooth, rows, 0.0, method="expected_gradients")
