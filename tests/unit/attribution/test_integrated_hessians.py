"""Pairwise interactions against closed forms, on both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import EngineOptions, attribute_by_method
from ig_tasks.attribution.methods.integrated_hessians import IntegratedHessians, _log_gauss
from ig_tasks.errors import InputError

pytestmark = pytest.mark.graphs


def run(model: Any, rows: Any, method: Any, target: Any = None, **options: Any) -> Any:
    return attribute_by_method(model, rows, [{"inputs": 0.0}], EngineOptions(method=method, **options), target=target)


def test_the_rule_is_exact_for_polynomials_under_the_logarithm() -> None:
    """The integral of -ln u u^n over [0, 1] is 1 / (n + 1)^2."""
    for count in (4, 8, 64):
        nodes, weights = _log_gauss(count)
        for power in range(2 * count):
            assert (weights * nodes**power).sum() == pytest.approx(1.0 / (power + 1) ** 2, rel=1e-10)


def test_of_a_product_every_pair_has_a_quarter_and_both_orders_one_half(kit: Any) -> None:
    found = run(kit.function("x0*x1", 2), np.array([[1.0, 1.0]]), "integrated_hessians", tolerance=1e-6)
    np.testing.assert_allclose(found.details["interactions"][0], [[0.25, 0.25], [0.25, 0.25]], atol=1e-8)
    np.testing.assert_allclose(found.attributions, [[0.5, 0.5]], atol=1e-8)
    assert found.status[0] == "converged"


def test_of_a_sum_nothing_interacts(kit: Any) -> None:
    found = run(kit.function("sin(x0) + 3*x1", 2), np.array([[1.0, 2.0]]), "integrated_hessians", tolerance=1e-5)
    pairs, order = found.details["interactions"][0], found.details["leading"]
    square = pairs[np.argsort(order)]
    np.testing.assert_allclose(square, np.diag([np.sin(1.0), 6.0]), atol=1e-5)


def test_interactions_add_up_and_are_symmetric_in_both_frameworks(
    kits: Any, layers_of: Any, rng: np.random.Generator
) -> None:
    rows = rng.normal(size=(3, 3))
    found = [run(kit.dense(layers_of(3, 4, 1)), rows, IntegratedHessians(3), tolerance=1e-4) for kit in kits]
    for each in found:
        pairs = each.details["interactions"][:, np.argsort(each.details["leading"])]
        np.testing.assert_allclose(pairs, pairs.swapaxes(1, 2), atol=1e-4)
        np.testing.assert_allclose(pairs.sum(axis=2), each.attributions, atol=1e-3)
        np.testing.assert_allclose(pairs.sum(axis=(1, 2)), each.output - each.baseline_output, atol=1e-3)
        assert set(each.status) == {"converged"}
    np.testing.assert_allclose(found[0].details["interactions"], found[1].details["interactions"], atol=1e-5)


def test_a_model_without_second_derivatives_does_not_converge(kit: Any) -> None:
    model = kit.dense([([[1.0, 1.0]], [-1.0], "relu"), ([[1.0]], [0.0], None)])
    found = run(model, np.array([[1.0, 1.0]]), "integrated_hessians")
    assert found.status[0] == "max_evaluations"


def test_one_output_is_explained(kit: Any, layers_of: Any) -> None:
    with pytest.raises(InputError, match=r"^target: method 'integrated_hessians' explains one output"):
        run(kit.dense(layers_of(3, 4, 2)), np.ones((1, 3)), "integrated_hessians", target="all")
