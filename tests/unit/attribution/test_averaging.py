"""Several baselines, averaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import EngineOptions, attribute, attribute_averaged
from ig_tasks.attribution.averaging import average, join
from ig_tasks.attribution.tolerances import Tolerances


def test_the_mean_of_every_number(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model, inputs = kits[0].dense(layers_of(4, 8, 1)), rng.normal(size=(6, 4))
    each = [attribute(model, inputs, start) for start in rng.normal(size=(3, 4))]
    found = average(each, Tolerances(0.01))
    np.testing.assert_allclose(found.attributions, np.mean([e.attributions for e in each], axis=0))
    np.testing.assert_allclose(found.baseline_output, np.mean([e.baseline_output for e in each], axis=0))
    np.testing.assert_allclose(
        found.convergence_delta, found.attributions.sum(1) - (found.output - found.baseline_output), atol=1e-13
    )
    assert np.array_equal(found.evaluations, sum(e.evaluations for e in each))
    assert found.details["baselines"] == 3


def test_one_baseline_stays_as_it_is(kits: Any, layers_of: Any) -> None:
    one = attribute(kits[0].dense(layers_of(4, 1)), np.ones((2, 4)), np.zeros(4))
    assert average([one], Tolerances()) is one


def test_the_error_bound_grows_where_baselines_cancel(kits: Any) -> None:
    # x^3 from -b and from b: the attributions nearly cancel, their errors need not.
    model = kits[0].function("x0 * x0 * x0 + sin(x0)", 1)
    each = [attribute(model, np.full((1, 1), 0.01), np.array([start]), max_evaluations=5) for start in (-2.0, 2.0)]
    found = average(each, Tolerances(0.01))
    assert found.error_estimate[0] > 5 * max(e.error_estimate[0] for e in each)


def test_a_row_that_failed_from_one_baseline_is_not_finite(kits: Any, layers_of: Any) -> None:
    model = kits[0].dense(layers_of(4, 8, 1))
    each = [attribute(model, np.ones((2, 4)), start) for start in (np.zeros(4), np.full(4, np.nan))]
    assert list(average(each, Tolerances()).status) == ["not_finite", "not_finite"]


def test_a_baseline_without_an_estimate_leaves_the_mean_unverified(kits: Any, layers_of: Any) -> None:
    model, inputs = kits[0].dense(layers_of(4, 8, 1)), np.ones((2, 4))
    proven = attribute(model, inputs, np.zeros(4))
    fixed = attribute(model, inputs, np.full(4, -1.0), integrator="gauss_legendre", steps=20)
    assert list(average([proven, fixed], Tolerances()).status) == ["unverified", "unverified"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_named_inputs_and_all_outputs(kit: Any, dtype: str) -> None:
    ids, mask = np.array([[0, 1, 2], [3, 4, 5]]), np.ones((2, 3))
    each = [
        attribute(
            kit.tokens(dtype),
            {"ids": ids},
            {"ids": np.full((3, 4), value)},
            fixed={"mask": mask},
            layers={"ids": "tok"},
            target="all",
        )
        for value in (0.0, 0.5)
    ]
    found = average(each, Tolerances(0.01))
    assert found.attributions["ids"].shape == (2, 2, 3)
    assert found.error_estimate.shape == found.status.shape == (2, 2)


def test_shares_weigh_every_number(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model, inputs = kits[0].dense(layers_of(4, 8, 1)), rng.normal(size=(6, 4))
    first, second = (attribute(model, inputs, start) for start in rng.normal(size=(2, 4)))
    found = average([first, second], Tolerances(0.01), [0.75, 0.25])
    np.testing.assert_allclose(found.attributions, 0.75 * first.attributions + 0.25 * second.attributions)
    np.testing.assert_allclose(found.baseline_output, 0.75 * first.baseline_output + 0.25 * second.baseline_output)
    np.testing.assert_allclose(
        found.convergence_delta, found.attributions.sum(1) - (found.output - found.baseline_output), atol=1e-13
    )


def test_blocks_one_after_the_other_are_the_whole(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model, inputs = kits[0].dense(layers_of(4, 8, 1)), rng.normal(size=(7, 4))
    whole = attribute(model, inputs, np.zeros(4))
    found = join([attribute(model, inputs[:3], np.zeros(4)), attribute(model, inputs[3:], np.zeros(4))])
    np.testing.assert_allclose(found.attributions, whole.attributions, atol=1e-12)
    np.testing.assert_array_equal(found.status, whole.status)
    np.testing.assert_array_equal(found.evaluations, whole.evaluations)
    assert len(found) == 7


def test_rows_are_explained_from_each_baseline_and_averaged(kit: Any) -> None:
    # IG of x^3 from b to x is x^3 - b^3; shares 1/4 and 3/4 of b = 0 and b = 2.
    model, inputs = kit.function("x0 * x0 * x0", 1), np.array([[1.0], [3.0]])
    starts = [{"inputs": np.zeros(1)}, {"inputs": np.full(1, 2.0)}]
    result = attribute_averaged(model, inputs, starts, EngineOptions(tolerance=1e-6), shares=[0.25, 0.75])
    np.testing.assert_allclose(result.attributions, inputs**3 - 0.75 * 8.0, rtol=1e-12)
    np.testing.assert_allclose(result.baseline_output, [6.0, 6.0], rtol=1e-12)
    assert list(result.status) == ["converged", "converged"]
    assert (result.details["baselines"], result.details["tolerance"]) == (2, 1e-6)
    alone = attribute_averaged(model, inputs, starts[:1], EngineOptions(integrator="right", steps=2))
    np.testing.assert_allclose(alone.attributions, inputs**3 * (3 * 0.25 + 3) / 2, rtol=1e-12)
    assert "baselines" not in alone.details


def test_the_average_is_judged_by_the_tolerances_of_the_options(kit: Any) -> None:
    # Each takes what it can get; whether that is enough is said of the mean, whose attributions nearly cancel.
    model, inputs = kit.function("x0 * x0 * x0 + sin(x0)", 1), np.full((1, 1), 0.01)
    starts = [{"inputs": np.array([start])} for start in (-2.0, 2.0)]
    few = {"integrator": "clenshaw_curtis", "max_evaluations": 5, "tolerance": 1e-7}
    assert attribute_averaged(model, inputs, starts, EngineOptions(**few)).status[0] == "max_evaluations"
    lenient = EngineOptions(**few, absolute_tolerance=1.0)
    assert attribute_averaged(model, inputs, starts, lenient).status[0] == "converged"
