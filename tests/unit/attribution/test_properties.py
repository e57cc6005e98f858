"""What Integrated Gradients promises, whatever the model: on both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.methods import integrated_gradients

FIXED = ["gauss_legendre", "clenshaw_curtis", "midpoint", "trapezoid", "left", "right"]


@pytest.fixture
def model(kit: Any, layers_of: Any) -> Any:
    return kit.dense(layers_of(4, 16, 8, 1))


def test_linear_models_in_closed_form(kit: Any, rng: np.random.Generator) -> None:
    weight, bias = rng.normal(size=(1, 5)), rng.normal(size=1)
    inputs, baseline = rng.normal(size=(7, 5)), rng.normal(size=5)
    found = attribute(kit.dense([(weight, bias, None)]), inputs, baseline)
    np.testing.assert_allclose(found.attributions, weight * (inputs - baseline), atol=1e-14)
    np.testing.assert_allclose(found.output, inputs @ weight[0] + bias[0], atol=1e-14)
    np.testing.assert_allclose(found.baseline_output, np.full(7, baseline @ weight[0] + bias[0]), atol=1e-14)
    assert (found.status == "converged").all()


@pytest.mark.parametrize("integrator", FIXED)
def test_every_rule_is_exact_where_the_gradient_is_constant(
    kit: Any, integrator: str, rng: np.random.Generator
) -> None:
    weight = rng.normal(size=(1, 3))
    inputs = rng.normal(size=(4, 3))
    found = attribute(kit.dense([(weight, [0.0], None)]), inputs, np.zeros(3), integrator=integrator, steps=6)
    np.testing.assert_allclose(found.attributions, weight * inputs, atol=1e-14)
    assert (found.evaluations == 6).all()
    assert np.isnan(found.error_estimate).all()
    assert (found.status == "unverified").all()  # right, but the rule cannot know


@pytest.mark.parametrize(("integrator", "order"), [("left", 1), ("right", 1), ("midpoint", 2), ("trapezoid", 2)])
def test_completeness_under_refinement(model: Any, integrator: str, order: int, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(5, 4))

    def delta(steps: int) -> float:
        found = attribute(model, inputs, np.zeros(4), integrator=integrator, steps=steps)
        return float(np.abs(found.convergence_delta).max())

    ratio = delta(200) / delta(400)
    assert ratio == pytest.approx(2**order, rel=0.1)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-8])
def test_converged_rows_are_as_good_as_they_say(model: Any, tolerance: float, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(50, 4)) * 2
    found = attribute(model, inputs, np.zeros(4), tolerance=tolerance)
    truth = attribute(model, inputs, np.zeros(4), integrator="gauss_legendre", steps=400)
    error = np.abs(found.attributions - truth.attributions).sum(1) / np.abs(truth.attributions).sum(1)
    assert (found.status == "converged").all()
    assert (found.error_estimate <= tolerance).all()
    assert (found.relative_delta <= tolerance).all()
    assert (error <= tolerance).all()


def test_delta_is_the_sum_of_attributions_less_the_difference(model: Any, rng: np.random.Generator) -> None:
    found = attribute(model, rng.normal(size=(9, 4)), rng.normal(size=(9, 4)))
    expected = found.attributions.sum(1) - (found.output - found.baseline_output)
    np.testing.assert_allclose(found.convergence_delta, expected, atol=1e-14)


def test_outputs_are_the_models(kit: Any, model: Any, rng: np.random.Generator) -> None:
    inputs, baseline = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    for integrator, steps in (("auto", None), ("midpoint", 4), ("left", 4)):
        found = attribute(model, inputs, baseline, integrator=integrator, steps=steps)
        np.testing.assert_allclose(found.output, kit.predict(model, inputs)[:, 0], atol=1e-13)
        np.testing.assert_allclose(found.baseline_output, kit.predict(model, baseline)[:, 0], atol=1e-13)


def test_an_unused_feature_gets_exactly_zero(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    layers = layers_of(4, 16, 1)
    layers[0][0][:, 2] = 0.0
    found = attribute(kit.dense(layers), rng.normal(size=(20, 4)), rng.normal(size=4))
    assert (found.attributions[:, 2] == 0).all()
    assert (found.attributions[:, [0, 1, 3]] != 0).all()


def test_a_feature_at_its_baseline_gets_exactly_zero(model: Any, rng: np.random.Generator) -> None:
    inputs, baseline = rng.normal(size=(20, 4)), rng.normal(size=4)
    inputs[:, 1] = baseline[1]
    assert (attribute(model, inputs, baseline).attributions[:, 1] == 0).all()


def test_symmetric_features_share_equally(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    layers = layers_of(4, 16, 1)
    layers[0][0][:, 3] = layers[0][0][:, 0]
    inputs = rng.normal(size=(20, 4))
    inputs[:, 3] = inputs[:, 0]
    found = attribute(kit.dense(layers), inputs, np.zeros(4)).attributions
    np.testing.assert_allclose(found[:, 0], found[:, 3], rtol=1e-13)


def test_implementation_does_not_matter(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    # The same function with its hidden units in another order, one of them split in two halves.
    (weight, bias, activation), (out, out_bias, _) = layers_of(4, 6, 1)
    order = rng.permutation(6)
    other = [
        (np.vstack([weight[order], weight[:1]]), np.concatenate([bias[order], bias[:1]]), activation),
        (np.hstack([np.where(order == 0, 0.5, 1.0) * out[:, order], 0.5 * out[:, :1]]), out_bias, None),
    ]
    inputs = rng.normal(size=(10, 4))
    one = attribute(kit.dense([(weight, bias, activation), (out, out_bias, None)]), inputs, np.zeros(4))
    two = attribute(kit.dense(other), inputs, np.zeros(4))
    np.testing.assert_allclose(one.attributions, two.attributions, atol=1e-13)


def test_swapped_endpoints_negate(model: Any, rng: np.random.Generator) -> None:
    inputs, baseline = rng.normal(size=(10, 4)), rng.normal(size=(10, 4))
    forth = attribute(model, inputs, baseline, tolerance=1e-6)
    back = attribute(model, baseline, inputs, tolerance=1e-6)
    np.testing.assert_allclose(forth.attributions, -back.attributions, atol=1e-12)
    np.testing.assert_allclose(forth.convergence_delta, -back.convergence_delta, atol=1e-12)


def test_shared_and_per_row_baselines_agree(model: Any, rng: np.random.Generator) -> None:
    inputs, baseline = rng.normal(size=(10, 4)), rng.normal(size=4)
    shared = attribute(model, inputs, baseline)
    repeated = attribute(model, inputs, np.tile(baseline, (10, 1)))
    np.testing.assert_allclose(shared.attributions, repeated.attributions, atol=1e-13)
    # The gradient at the shared baseline is taken once for all rows.
    assert (repeated.evaluations - shared.evaluations == 1).all()


@pytest.mark.parametrize(("dtype", "within"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("integrator", ["auto", "midpoint"])
def test_rows_permuted_split_and_batched_give_the_same_numbers(
    kit: Any, layers_of: Any, dtype: str, within: float, integrator: str, rng: np.random.Generator
) -> None:
    model = kit.dense(layers_of(4, 16, 8, 1), dtype)
    inputs, baseline = rng.normal(size=(120, 4)), rng.normal(size=4)
    options: dict[str, Any] = {"integrator": integrator, "steps": None if integrator == "auto" else 8}
    whole = attribute(model, inputs, baseline, **options).attributions
    size = np.abs(whole).sum(1, keepdims=True)

    order = rng.permutation(120)
    permuted = np.empty_like(whole)
    permuted[order] = attribute(model, inputs[order], baseline, **options).attributions
    split = np.concatenate(
        [attribute(model, part, baseline, **options).attributions for part in np.array_split(inputs, 3)]
    )
    small = attribute(model, inputs, baseline, memory_limit=40_000, **options)
    assert small.details["batches"]["count"] > 5
    for other in (permuted, split, small.attributions):
        assert (np.abs(other - whole) <= within * size).all()


def test_chunks_of_rows_give_the_same_numbers(
    model: Any, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    inputs = rng.normal(size=(100, 4)) * 3
    whole = attribute(model, inputs, np.zeros(4))
    monkeypatch.setattr(integrated_gradients, "_CHUNK_ROWS", 7)
    chunked = attribute(model, inputs, np.zeros(4))
    np.testing.assert_allclose(chunked.attributions, whole.attributions, atol=1e-13)
    assert np.array_equal(chunked.evaluations, whole.evaluations)
    assert chunked.details["rows_by_evaluations"] == whole.details["rows_by_evaluations"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_spoils_no_other(model: Any, value: float, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(12, 4))
    clean = attribute(model, inputs, np.zeros(4))
    spoilt = inputs.copy()
    spoilt[5, 2] = value
    found = attribute(model, spoilt, np.zeros(4))
    others = np.arange(12) != 5
    assert found.status[5] == "not_finite"
    assert np.isnan(found.attributions[5]).all()
    assert np.isnan(found.convergence_delta[5])
    assert (found.status[others] == "converged").all()
    np.testing.assert_allclose(found.attributions[others], clean.attributions[others], atol=1e-13)


def test_a_row_that_runs_out_of_evaluations_is_flagged(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kit.dense(layers_of(4, 16, 1, activation="relu"))
    found = attribute(
        model,
        rng.normal(size=(30, 4)) * 3,
        np.zeros(4),
        tolerance=1e-7,
        max_evaluations=17,
        integrator="clenshaw_curtis",
    )
    flagged = found.status == "max_evaluations"
    assert flagged.any()
    assert (found.evaluations[flagged] == 16).all()
    bad = (found.error_estimate > 1e-7) | (found.relative_delta > 1e-7)
    assert np.array_equal(flagged, bad)


def test_a_fixed_rule_that_misses_the_delta_is_flagged(model: Any, rng: np.random.Generator) -> None:
    found = attribute(model, rng.normal(size=(30, 4)) * 3, np.zeros(4), integrator="left", steps=3)
    assert np.array_equal(found.status == "max_evaluations", found.relative_delta > 0.01)
    assert (found.status == "max_evaluations").any()


def test_easy_rows_leave_the_batch_early(model: Any, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(40, 4)) * np.repeat([0.01, 4.0], 20)[:, None]
    found = attribute(model, inputs, np.zeros(4), tolerance=1e-3)
    assert (found.evaluations[:20] == 4).all()
    assert found.evaluations[20:].mean() > 8
    assert sum(found.details["rows_by_evaluations"].values()) == 40


def test_no_rows_give_no_rows(model: Any) -> None:
    found = attribute(model, np.zeros((0, 4)), np.zeros(4))
    assert found.attributions.shape == (0, 4)
    assert found.output.shape == found.status.shape == (0,)


def test_inputs_of_more_axes(kit: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kit.function("x0[:, 0] * x1[:, 1] + x0[:, 1]", 2)
    inputs = rng.normal(size=(5, 2, 2))
    found = attribute(model, inputs, np.zeros((2, 2))).attributions
    expected = np.zeros((5, 2, 2))
    expected[:, 0, 0] = expected[:, 1, 1] = inputs[:, 0, 0] * inputs[:, 1, 1] / 2
    expected[:, 0, 1] = inputs[:, 0, 1]
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_torch_and_keras_agree(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    layers = layers_of(6, 32, 16, 1, activation="silu")
    inputs, baseline = rng.normal(size=(50, 6)), rng.normal(size=6)
    for dtype, within in (("float64", 1e-12), ("float32", 1e-5)):
        one, two = (attribute(kit.dense(layers, dtype), inputs, baseline) for kit in kits)
        size = np.abs(one.attributions).sum(1, keepdims=True)
        assert (np.abs(one.attributions - two.attributions) <= within * size).all()
        assert np.array_equal(one.evaluations, two.evaluations)
