"""Rules integrate polynomials of their degree exactly, on [0, 1]."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.attribution.integrators.rules import RULES, ClenshawCurtis, GaussLegendre, fixed_nodes
from ig_tasks.errors import InputError

DEGREE = {
    "gauss_legendre": lambda n: 2 * n - 1,
    "clenshaw_curtis": lambda n: n - 1,
    "midpoint": lambda n: 1,
    "trapezoid": lambda n: 1,
    "left": lambda n: 0,
    "right": lambda n: 0,
}


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33])
def test_polynomials_of_the_rules_degree_are_exact(name: str, count: int) -> None:
    rule = RULES[name]
    if count < rule.least_nodes:
        pytest.skip("the rule has no such member")
    nodes, weights = rule.nodes(count)
    for power in range(DEGREE[name](count) + 1):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-14)


@pytest.mark.parametrize("name", sorted(RULES))
@pytest.mark.parametrize("count", [2, 50, 4096])
def test_nodes_ascend_in_the_unit_interval_and_weights_are_positive(name: str, count: int) -> None:
    nodes, weights = RULES[name].nodes(count)
    assert nodes.shape == weights.shape == (count,)
    assert (np.diff(nodes) > 0).all()
    assert nodes[0] >= 0
    assert nodes[-1] <= 1
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-13)


def test_clenshaw_curtis_is_nested() -> None:
    coarse, fine = ClenshawCurtis().nodes(9)[0], ClenshawCurtis().nodes(17)[0]
    np.testing.assert_allclose(fine[::2], coarse, rtol=0, atol=1e-16)


def test_gauss_legendre_agrees_with_numpy() -> None:
    nodes, weights = GaussLegendre().nodes(64)
    expected_nodes, expected_weights = np.polynomial.legendre.leggauss(64)
    np.testing.assert_allclose(nodes, (expected_nodes + 1) / 2, atol=1e-15)
    np.testing.assert_allclose(weights, expected_weights / 2, atol=1e-14)


def test_a_rule_with_too_few_nodes_is_refused() -> None:
    with pytest.raises(InputError, match="steps: trapezoid needs at least 2 nodes, not 1"):
        fixed_nodes(RULES["trapezoid"], 1)
