"""Step control: nested stages, the error estimate, and when a row is done."""

from __future__ import annotations

import numpy as np
import pytest

from ig_tasks.attribution.integrators.choice import choose_integrator
from ig_tasks.attribution.integrators.lobatto import Lobatto
from ig_tasks.attribution.integrators.quadrature import AdaptiveSteps, FixedSteps
from ig_tasks.attribution.integrators.rules import ClenshawCurtis, GaussLegendre, Rule
from ig_tasks.attribution.tolerances import Convergence, Tolerances, relative_delta
from ig_tasks.errors import InputError


@pytest.mark.parametrize("rule", [Lobatto(), ClenshawCurtis()])
def test_every_level_is_the_sum_of_its_stages(rule: Rule) -> None:
    control = AdaptiveSteps(65, rule)
    sums = np.zeros(control.levels)
    for stage in control.stages:
        sums[stage.first :] += stage.weights @ np.exp(stage.nodes)
        for level in range(stage.last + 1):
            nodes, weights = rule.nodes((2 << level) + 1)
            assert sums[level] == pytest.approx(weights @ np.exp(nodes), abs=1e-15)


def test_no_node_is_taken_twice() -> None:
    nodes = np.concatenate([stage.nodes for stage in AdaptiveSteps(4097).stages])
    assert nodes.size == np.unique(nodes).size == 4097


@pytest.mark.parametrize(("most", "last"), [(5, 5), (8, 5), (9, 9), (100, 65), (4097, 4097)])
def test_max_evaluations_bounds_the_nodes(most: int, last: int) -> None:
    assert AdaptiveSteps(most).stages[-1].evaluations == last


@pytest.mark.parametrize(("rule", "between"), [(Lobatto(), np.sqrt(3 / 28)), (ClenshawCurtis(), np.sqrt(0.125))])
def test_first_stage_has_the_two_coarsest_levels(rule: Rule, between: float) -> None:
    first, second = AdaptiveSteps(33, rule).stages[:2]
    np.testing.assert_allclose(first.nodes, [0, 0.5 - between, 0.5, 0.5 + between, 1], atol=1e-15)
    assert (first.last, first.evaluations) == (1, 5)
    assert (second.last, second.evaluations, second.nodes.size) == (2, 9, 4)


@pytest.mark.parametrize(
    ("rule", "nodes", "safety"), [(Lobatto(), 9, 1), (Lobatto(), 17, 1), (Lobatto(), 33, 2), (ClenshawCurtis(), 9, 2)]
)
def test_estimate_is_the_change_first_and_quadratic_then(rule: Rule, nodes: int, safety: int) -> None:
    control = AdaptiveSteps(33, rule)
    sums = np.zeros((3, 2, 1))
    sums[:, 0, 0] = 1.5, 1.1, 1.0  # changes .4/1.1, then .1: s d^2 / d_before is less than d
    sums[:, 1, 0] = 1.001, 1.0, 1.1  # the change grows: d itself
    before, change = 0.4 / 1.1, 0.1
    np.testing.assert_allclose(control.estimate(list(sums[:2]), 5), [before, 0.001], rtol=1e-12)
    expected = [safety * change**2 / before, 0.1 / 1.1]
    np.testing.assert_allclose(control.estimate(list(sums), nodes), expected, rtol=1e-12)


def test_nothing_to_explain_has_no_error() -> None:
    control = AdaptiveSteps(9)
    assert control.estimate(list(np.zeros((3, 1, 3))), 9) == 0


@pytest.mark.parametrize("control", [FixedSteps(GaussLegendre(), 5), AdaptiveSteps(9)])
def test_one_level_has_no_estimate_for_any_row(control: FixedSteps | AdaptiveSteps) -> None:
    estimate = control.estimate([np.ones((4, 3))], 5)
    assert estimate.shape == (4,)
    assert np.isnan(estimate).all()


def test_a_fixed_rule_is_one_level_in_one_stage() -> None:
    control = FixedSteps(GaussLegendre(), 5)
    (stage,) = control.stages
    assert (control.levels, stage.first, stage.last, stage.evaluations) == (1, 0, 0, 5)
    assert stage.weights.shape == (1, 5)


def test_a_row_has_at_most_4097_nodes_unless_more_are_given() -> None:
    assert AdaptiveSteps().stages[-1].evaluations == 4097


def test_a_fixed_rule_has_no_estimate() -> None:
    control = FixedSteps(GaussLegendre(), 3)
    assert np.isnan(control.estimate([np.ones((2, 1))], 3)).all()


def judged(tolerances: Tolerances, delta: float, difference: float, size: float, estimate: float) -> Convergence:
    columns = [np.array([value]) for value in (difference, 0.0)]
    return tolerances.judge(np.array([delta]), (columns[0], columns[1]), np.array([size]), np.array([estimate]))


@pytest.mark.parametrize(
    ("delta", "difference", "size", "estimate", "status"),
    [
        (0.009, 1.0, 1.0, 0.009, "converged"),
        (0.011, 1.0, 1.0, 0.0, "max_evaluations"),  # delta
        (0.0, 1.0, 1.0, 0.011, "max_evaluations"),  # estimate, with a perfect delta
        (0.0009, 0.0, 1.0, 0.0, "converged"),  # cancelled output: measured by a tenth of L1
        (0.0011, 0.0, 1.0, 0.0, "max_evaluations"),
        (0.0, 0.0, 0.0, 0.0, "converged"),  # nothing to explain
        (0.0, 1.0, 1.0, np.nan, "unverified"),  # a rule without an estimate, however small its delta
        (0.011, 1.0, 1.0, np.nan, "max_evaluations"),
        (np.nan, 1.0, np.nan, 0.0, "not_finite"),
        (np.nan, np.inf, 1.0, 0.0, "not_finite"),
    ],
)
def test_both_tests_decide(delta: float, difference: float, size: float, estimate: float, status: str) -> None:
    assert judged(Tolerances(0.01), delta, difference, size, estimate).status[0] == status


def test_absolute_tolerance_counts_in_units_of_the_output() -> None:
    row = (1e-4, 1e-3, 1e-3, 0.05)
    assert judged(Tolerances(0.01, 0.0), *row).status[0] == "max_evaluations"
    assert judged(Tolerances(0.01, 1e-4), *row).status[0] == "converged"


EPSILON = 2.0**-23


@pytest.mark.parametrize(
    ("delta", "size", "estimate", "status", "below"),
    [
        (1e-9, 2e-9, 0.5, "converged", True),  # all of it is less than float32 tells of 1
        (1e-9, 2e-9, np.nan, "unverified", False),  # nobody knows whether it is all
        (1e-9, 1e-9, 500.0, "max_evaluations", False),  # the levels before found more than the rounding
        (1e-9, 0.2, 0.5, "max_evaluations", False),  # effects that cancel are not small
        (1e-3, 2e-9, 0.5, "max_evaluations", False),  # the output changed by more than was found
        (2e-7, 1e-5, 0.001, "converged", False),  # 2 % of the effect, all of it rounding of the outputs
        (2e-7, 1e-5, 0.5, "max_evaluations", False),
    ],
)
def test_the_rounding_of_the_output(delta: float, size: float, estimate: float, status: str, below: bool) -> None:
    outputs = (np.array([1.0]), np.array([1.0 - delta]))
    found = Tolerances(0.01, epsilon=EPSILON).judge(np.array([delta]), outputs, np.array([size]), np.array([estimate]))
    assert (found.status[0], bool(found.below_rounding[0])) == (status, below)
    assert (found.status[0] != "converged") or found.relative_delta[0] <= 0.01


def test_a_coarse_dtype_leaves_the_delta_as_it_is() -> None:
    outputs = (np.array([1.0]), np.array([0.5]))
    row = (np.array([0.01]), outputs, np.array([0.5]), np.array([0.001]))
    assert Tolerances(0.01, epsilon=2.0**-7).judge(*row).status[0] == "max_evaluations"


def test_relative_delta_is_never_nan_for_finite_rows() -> None:
    found = relative_delta(np.array([0.0, 0.02]), np.array([0.0, 1.0]), np.array([0.0, 50.0]))
    np.testing.assert_allclose(found, [0.0, 0.004])


@pytest.mark.parametrize("name", ["auto", "adaptive"])
def test_adaptive_names(name: str) -> None:
    control = choose_integrator(name, None, 129)
    assert control == AdaptiveSteps(129, Lobatto(), careful=True)  # nothing is known of the model
    assert control.name == "adaptive"


def test_clenshaw_curtis_without_steps_is_adaptive() -> None:
    control = choose_integrator("clenshaw_curtis", None, 129)
    assert control == AdaptiveSteps(129, ClenshawCurtis(), careful=True)  # nothing is known of the model
    assert control.name == "clenshaw_curtis"


def test_clenshaw_curtis_with_steps_is_fixed() -> None:
    control = choose_integrator("clenshaw_curtis", 7, 129)
    assert isinstance(control, FixedSteps)
    assert control.stages[0].nodes.size == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gauss_legendr", None, 129), "integrator: 'gauss_legendr' is not known.*did you mean 'gauss_legendre'"),
        (("secant", None, 129), "'secant' cannot be used on this model"),
        (("exact", None, 129), "'exact' needs a piecewise-linear model"),
        (("auto", 50, 129), "steps: 'auto' chooses them by row"),
        (("left", 0, 129), "steps: 0 is not a number of nodes"),
        (("left", 2.5, 129), "steps: 2.5 is not a number of nodes"),
        (("auto", None, 4), "max_evaluations: 4 is too few"),
    ],
)
def test_what_cannot_run_is_refused(arguments: tuple[str, int | None, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_integrator(*arguments)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_a_tolerance_is_a_number_from_zero_up(value: float) -> None:
    with pytest.raises(InputError, match="tolerance"):
        Tolerances(value)
