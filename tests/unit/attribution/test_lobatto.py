"""The nested rule: Gauss-Lobatto's five nodes, and their extensions."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.attribution.integrators.lobatto import Lobatto
from ig_tasks.attribution.integrators.rules import ClenshawCurtis
from ig_tasks.errors import InputError

DEGREE = {3: 3, 5: 7, 9: 13, 17: 25, 33: 33, 65: 57, 129: 115, 257: 128, 4097: 128}


def chebyshev(degree: int, nodes: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(degree * np.arccos(np.clip(2 * nodes - 1, -1, 1))))


def integral(degree: int) -> float:
    """The integral of a Chebyshev polynomial over [0, 1]."""
    return 0.0 if degree % 2 else 1.0 / (1 - degree**2)


@pytest.mark.parametrize(("count", "degree"), DEGREE.items())
def test_polynomials_up_to_the_degree_are_exact(count: int, degree: int) -> None:
    nodes, weights = Lobatto().nodes(count)
    found = [weights @ chebyshev(power, nodes) for power in range(degree + 1)]
    np.testing.assert_allclose(found, [integral(power) for power in range(degree + 1)], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("count", "degree"), [(3, 4), (5, 8), (9, 14), (17, 26), (33, 34), (65, 58), (129, 116)])
def test_the_degree_is_no_higher(count: int, degree: int) -> None:
    nodes, weights = Lobatto().nodes(count)
    assert abs(weights @ chebyshev(degree, nodes) - integral(degree)) > 1e-6


@pytest.mark.parametrize("count", DEGREE)
def test_nodes_ascend_from_end_to_end_and_weights_are_positive(count: int) -> None:
    nodes, weights = Lobatto().nodes(count)
    assert nodes.shape == weights.shape == (count,)
    assert (nodes[0], nodes[count // 2], nodes[-1]) == (0.0, 0.5, 1.0)
    assert (np.diff(nodes) > 0).all()
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(nodes, 1 - nodes[::-1], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(weights, weights[::-1])


@pytest.mark.parametrize("count", list(DEGREE)[1:-2])
def test_every_second_node_is_of_the_level_before(count: int) -> None:
    np.testing.assert_array_equal(Lobatto().nodes(count)[0][::2], Lobatto().nodes((count + 1) // 2)[0])


def test_five_nodes_are_gauss_lobattos() -> None:
    nodes, weights = Lobatto().nodes(5)
    np.testing.assert_allclose(nodes, (1 + np.array([-1, -np.sqrt(3 / 7), 0, np.sqrt(3 / 7), 1])) / 2, atol=1e-15)
    np.testing.assert_allclose(weights, np.array([1 / 10, 49 / 90, 32 / 45, 49 / 90, 1 / 10]) / 2, atol=1e-15)


@pytest.mark.parametrize("count", [5, 9, 17])
def test_closer_than_clenshaw_curtis_where_the_integrand_is_smooth(count: int) -> None:
    middles = np.linspace(-0.5, 1.5, 41)[:, None]  # of slopes of a tanh unit that bends there
    truth = (np.tanh(2 * (1 - middles)) - np.tanh(-2 * middles))[:, 0] / 2
    errors = {
        rule.name: np.abs(np.cosh(2 * (nodes - middles)) ** -2.0 @ weights - truth).mean()
        for rule in (Lobatto(), ClenshawCurtis())
        for nodes, weights in [rule.nodes(count)]
    }
    assert errors["adaptive"] < errors["clenshaw_curtis"] / 1.5


@pytest.mark.parametrize("count", [0, 2, 4, 6, 50])
def test_other_numbers_of_nodes_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=f"the nested rule has 3, 5, 9, 17, ... nodes, not {count}"):
        Lobatto().nodes(count)


def test_what_is_handed_out_is_the_callers() -> None:
    Lobatto().nodes(9)[1][:] = 0
    assert Lobatto().nodes(9)[1].sum() == pytest.approx(1)
