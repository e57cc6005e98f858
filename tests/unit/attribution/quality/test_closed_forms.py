"""Measures of explanations whose value is known in closed form, in both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ig_tasks
from ig_tasks.attribution.quality.figures import sparseness, spearman
from ig_tasks.attribution.quality.foretelling import curves, noise_infidelity, order_of, random_sets
from ig_tasks.attribution.quality.randomising import randomised_models
from ig_tasks.attribution.quality.sensitivity import max_sensitivity, moved_at_random
from ig_tasks.explanations.quality import subject_of

SQUARES = "x0**2 + x1**2 + x2**2 + x3**2"
ADDITIVE = "sin(x0) + x1**2 - 2*x2 + x3*x3*x3"
D = 4


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, D))


def test_of_a_linear_model_every_change_is_foretold(kit: Any, rows: np.ndarray, layers_of: Any) -> None:
    model = kit.dense(layers_of(D, 1, seed=3))
    found = ig_tasks.explain(model, rows, baseline=0.3).quality(checks=["infidelity"])
    assert found["infidelity"].value == pytest.approx(0.0, abs=1e-25)
    assert found["unforetold"].value == pytest.approx(0.0, abs=1e-25)


def test_infidelity_of_an_interaction_is_what_the_sets_leave_out(kit: Any) -> None:
    # F = x0 x1 from 0: both have x0 x1 / 2, and the output loses x0 x1 where either is put at 0: off by half of it.
    rows = np.random.default_rng(1).normal(size=(30, 2))
    found = ig_tasks.explain(kit.function("x0 * x1", 2), rows).quality(rows=30, checks=["infidelity"], draws=4)
    product = (rows[:, 0] * rows[:, 1]) ** 2
    assert found["infidelity"].value == pytest.approx(product.mean() / 4, rel=1e-9)
    assert found["infidelity"].se == pytest.approx(product.std(ddof=1) / np.sqrt(30) / 4, rel=1e-9)
    assert found["unforetold"].value == pytest.approx(0.25, rel=1e-9)


def test_infidelity_of_the_gradient_of_a_sum_of_squares_to_noise(kit: Any, rows: np.ndarray) -> None:
    explanation = ig_tasks.explain(kit.function(SQUARES, D), rows)
    subject = subject_of(explanation, np.arange(len(rows)))
    s, draws = 0.3, 2_000
    errors, _ = noise_infidelity(
        subject.outputs_of, subject.output, {"inputs": rows}, {"inputs": 2 * rows}, deviation=s, draws=draws, seed=1
    )
    # I . 2x - (F(x) - F(x - I)) = |I|^2, whose mean square under N(0, s^2) is s^4 (d^2 + 2 d).
    mean = s**4 * (D**2 + 2 * D)
    moments = {2: D * (D + 2), 4: D * (D + 2) * (D + 4) * (D + 6)}
    deviation = s**4 * np.sqrt(moments[4] - moments[2] ** 2)
    assert errors.mean() == pytest.approx(mean, abs=4 * deviation / np.sqrt(draws * len(rows)))
    assert np.abs(errors - mean).max() < 5 * deviation / np.sqrt(draws)


def test_max_sensitivity_of_a_gradient_is_below_its_bound_and_near_it(rows: np.ndarray) -> None:
    # The gradient of |x|^2 / 2 is x: it moves as far as the inputs do.
    radius = 0.1
    moves = moved_at_random({"x": rows}, {"x": np.ones(D)}, radius=radius, draws=2_000, seed=0)
    found = max_sensitivity(lambda arrays: np.asarray(arrays["x"], np.float64), {"x": rows}, moves)
    bound = radius * np.sqrt(D) / np.linalg.norm(rows, axis=1)
    assert (found <= bound).all()
    assert (found > 0.75 * bound).all()


def test_max_sensitivity_of_integrated_gradients_is_that_of_its_closed_form(kit: Any, rows: np.ndarray) -> None:
    # From 0 every square has itself.
    found = ig_tasks.explain(kit.function(SQUARES, D), rows, tolerance=1e-9).quality(
        rows=len(rows), checks=["sensitivity"], radius=0.05, draws=6, scale=2.0, seed=5
    )
    moves = list(moved_at_random({"x": rows}, {"x": np.full(D, 2.0)}, radius=0.05, draws=6, seed=5))
    distances = [np.linalg.norm(moved["x"] ** 2 - rows**2, axis=1) for moved in moves]
    expected = np.max(distances, axis=0) / np.linalg.norm(rows**2, axis=1)
    assert found["max_sensitivity"].value == pytest.approx(expected.mean(), rel=1e-6)
    assert found["max_sensitivity"].se == pytest.approx(expected.std(ddof=1) / np.sqrt(len(rows)), rel=1e-6)


@pytest.mark.parametrize("features", [2, 7, 100])
def test_sparseness_of_all_alike_is_0_and_of_one_alone_1_less_1_of_them(features: int) -> None:
    one = np.zeros(features)
    one[0] = -3.0
    rows = np.stack([np.full(features, 0.7), one])
    assert sparseness(rows) == pytest.approx([0.0, 1 - 1 / features], abs=1e-12)
    assert np.isnan(sparseness(np.zeros((1, features)))).all()


def test_both_curves_of_an_additive_model_from_zero_add_up_to_its_output(kit: Any, rows: np.ndarray) -> None:
    explanation = ig_tasks.explain(kit.function(ADDITIVE, D), rows, tolerance=1e-9)
    subject = subject_of(explanation, np.arange(len(rows)))
    for attributions in (subject.attributions, np.random.default_rng(0).normal(size=rows.shape)):
        found = curves(subject.without, order_of(attributions, subject.output), 20)
        assert found.insertion_area + found.deletion_area == pytest.approx(subject.output, abs=1e-12)
        assert found.insertion[0] == pytest.approx(subject.baseline_output, abs=1e-12)
        assert found.insertion[-1] == pytest.approx(subject.output, abs=1e-12)
    # And the order by attribution is the one that gets on fastest: a sum over the places of a sorted list.
    steps = np.sort(subject.attributions * np.sign(subject.output)[:, None], axis=1)[:, ::-1]
    reached = np.cumsum(np.concatenate([np.zeros((len(rows), 1)), steps], axis=1), axis=1)
    areas = ((reached[:, 1:] + reached[:, :-1]) / 2).mean(axis=1)
    share = areas.sum() / np.abs(subject.output).sum()
    quality = explanation.quality(rows=len(rows), checks=["curves"])
    assert quality["insertion"].value == pytest.approx(share, rel=1e-6)
    assert quality["deletion"].value == pytest.approx(1 - share, rel=1e-6)
    assert quality["insertion"].chance == pytest.approx(1 - quality["deletion"].chance, rel=1e-6)


def test_with_all_layers_random_ranks_agree_by_chance_alone(kit: Any) -> None:
    # Of a linear model at ones the attributions are the weights: ranks of new ones are any permutation.
    features, models = 30, 150
    weight = np.arange(1.0, features + 1)[None, :] ** 2
    model = kit.apart().dense([(weight, np.zeros(1), None)])
    found = []
    for seed in range(models):
        ((_, other),) = randomised_models(model, most=8, seed=seed)
        drawn = kit.predict(other, np.eye(features)).ravel() - kit.predict(other, np.zeros((1, features))).ravel()
        found.append(spearman(weight, drawn[None])[0])
    sd = 1 / np.sqrt(features - 1)
    assert abs(np.mean(found)) < 4 * sd / np.sqrt(models)
    assert np.std(found) == pytest.approx(sd, rel=0.25)
    quality = ig_tasks.explain(model, np.ones((3, features))).quality(checks=["randomisation"], seed=7)
    ((_, other),) = randomised_models(model, most=8, seed=7)
    drawn = kit.predict(other, np.eye(features)).ravel() - kit.predict(other, np.zeros((1, features))).ravel()
    assert quality["randomised"].value == pytest.approx(spearman(weight, drawn[None])[0], abs=1e-12)


def test_sets_are_of_every_size_but_none_and_all() -> None:
    sizes = np.concatenate([chosen.sum(axis=1) for chosen in random_sets(500, 5, 20, seed=0)])
    assert np.bincount(sizes, minlength=6)[[0, 5]].tolist() == [0, 0]
    assert np.bincount(sizes)[1:5] == pytest.approx(np.full(4, 2_500), rel=0.1)
    assert {int(chosen.sum()) for chosen in random_sets(3, 1, 2, seed=0)} == {3}
