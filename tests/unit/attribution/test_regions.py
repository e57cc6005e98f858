"""Exact integration: the integral itself where a model is piecewise linear, refused where it is not."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.integrators.exact import grouped
from ig_tasks.errors import InputError

torch = pytest.importorskip("torch")

CASES = json.loads((Path(__file__).parent / "ig_cases.json").read_text(encoding="utf-8"))


def net(*sizes: int, functions: list[Any], seed: int = 0) -> Any:
    torch.manual_seed(seed)
    layers: list[Any] = []
    for place, function in enumerate(functions):
        layers += [torch.nn.Linear(sizes[place], sizes[place + 1]), function]
    return torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-2], sizes[-1])).double().eval()


class Residual(torch.nn.Module):
    """Sums around layers, a normalisation, an absolute value, a leaky branch."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.one, self.two, self.three = (torch.nn.Linear(6, 6) for _ in range(3))
        self.norm = torch.nn.BatchNorm1d(6)
        self.norm.running_mean.uniform_(-1, 1)
        self.norm.running_var.uniform_(0.5, 2)
        self.out = torch.nn.Linear(6, 2)

    def forward(self, x: Any) -> Any:
        x = x + torch.relu(self.one(x))
        x = x - torch.nn.functional.leaky_relu(self.norm(self.two(x)), 0.2)
        return self.out(0.5 * x + self.three(x).abs().clamp(0.1, 2.0))


class Convolutions(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.one, self.two = torch.nn.Conv2d(1, 3, 3), torch.nn.Conv2d(3, 4, 2)
        self.out = torch.nn.Linear(16, 1)

    def forward(self, x: Any) -> Any:
        x = torch.nn.functional.avg_pool2d(torch.relu(self.one(x)), 2)
        return self.out(torch.nn.functional.hardtanh(self.two(x), -0.3, 0.4).flatten(1))


MODELS = {
    "relu": (lambda: net(5, 9, 8, 2, functions=[torch.nn.ReLU(), torch.nn.ReLU()]), (5,)),
    "deep": (
        lambda: net(
            5, 8, 8, 8, 8, 2, functions=[torch.nn.ReLU(), torch.nn.LeakyReLU(), torch.nn.ReLU6(), torch.nn.Hardtanh()]
        ),
        (5,),
    ),
    "residual": (lambda: Residual().double().eval(), (6,)),
    "convolutions": (lambda: Convolutions().double().eval(), (1, 8, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_integral_itself(name: str) -> None:
    make, shape = MODELS[name]
    model, rng = make(), np.random.default_rng(5)
    inputs, baseline = 2 * rng.normal(size=(6, *shape)), 0.1 * rng.normal(size=shape)
    target = None if name == "convolutions" else 1
    found = attribute(model, inputs, baseline, integrator="exact", target=target)
    flat = found.attributions.reshape(6, -1)
    assert np.abs(found.convergence_delta).max() <= 1e-13 * np.abs(flat).sum(1).max()
    assert (found.error_estimate == 0).all()
    assert (found.status == "converged").all()
    assert found.details["integrator"] == "exact"
    fine = attribute(model, inputs, baseline, integrator="secant", steps=4000, target=target)
    # A cell of the composite rule that holds flips of two layers is off by the square of its width.
    np.testing.assert_allclose(found.attributions, fine.attributions, atol=2e-6 * np.abs(flat).sum(1).max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_residual_is_rounding(dtype: str) -> None:
    model = net(20, 64, 64, 1, functions=[torch.nn.ReLU(), torch.nn.ReLU()]).to(getattr(torch, dtype))
    inputs = np.random.default_rng(0).normal(size=(64, 20))
    found = attribute(model, inputs, np.zeros(20), integrator="exact")
    scale = np.abs(found.output) + np.abs(found.baseline_output)
    assert (np.abs(found.convergence_delta) / scale).max() <= {"float32": 5e-6, "float64": 1e-10}[dtype]


@pytest.mark.parametrize(
    ("network", "case"),
    [
        pytest.param(network, case, id=f"{network['name']}-{place}")
        for network in CASES["dense_networks"]
        for place, case in enumerate(network["cases"])
    ],
)
def test_reference_cases(kits: Any, network: dict[str, Any], case: dict[str, Any]) -> None:
    model = kits[0].dense([(layer["weight"], layer["bias"], layer.get("activation")) for layer in network["layers"]])
    found = attribute(
        model,
        np.array([case["input"]], float),
        np.array(case["baseline"], float),
        target=network["target"],
        integrator="exact",
    )
    expected = [float(Fraction(value)) for value in case["attributions"]]
    np.testing.assert_allclose(found.attributions[0], expected, atol=1e-12)


def test_rows_do_not_depend_on_the_batch() -> None:
    model, rng = MODELS["relu"][0](), np.random.default_rng(6)
    inputs = rng.normal(size=(40, 5))
    whole = attribute(model, inputs, np.zeros(5), integrator="exact", target=0)
    small = attribute(model, inputs[::-1], np.zeros(5), integrator="exact", target=0, memory_limit=20_000)
    assert small.details["batches"]["count"] > whole.details["batches"]["count"]
    size = np.abs(whole.attributions).sum(1)[:, None]
    assert (np.abs(small.attributions[::-1] - whole.attributions) <= 1e-10 * size).all()
    assert (small.evaluations[::-1] == whole.evaluations).all()


def first_layer_regions(model: Any, inputs: Any) -> Any:
    """How many pieces the units of the first layer cut the path from zeros into."""
    with torch.no_grad():
        start, end = (model[0](torch.from_numpy(each)) >= 0 for each in (np.zeros_like(inputs), inputs))
    return (start != end).sum(1).numpy() + 1


def test_more_regions_than_evaluations_are_not_called_converged() -> None:
    model, rng = net(5, 40, 30, 1, functions=[torch.nn.ReLU(), torch.nn.ReLU()]), np.random.default_rng(7)
    inputs = 5 * rng.normal(size=(30, 5))
    every = attribute(model, inputs, np.zeros(5), integrator="exact")
    regions = first_layer_regions(model, inputs)
    most = int(np.median(regions))
    some = attribute(model, inputs, np.zeros(5), integrator="exact", max_evaluations=most)
    within = (regions <= most) & (every.evaluations <= most)
    assert 0 < within.sum() < 30
    assert (some.status == np.where(within, "converged", "max_evaluations")).all()
    assert np.isinf(some.error_estimate[~within]).all()
    assert (some.evaluations <= most).all()
    np.testing.assert_allclose(some.attributions[within], every.attributions[within], atol=1e-12)
    # They stay near: cells between the places that were kept.
    size = np.abs(every.attributions).sum(1)
    assert (np.abs(some.attributions - every.attributions).sum(1) <= 0.05 * size).all()


def test_cells_end_where_deeper_layers_flip() -> None:
    model, rng = net(5, 40, 30, 1, functions=[torch.nn.ReLU(), torch.nn.ReLU()]), np.random.default_rng(7)
    inputs = 5 * rng.normal(size=(30, 5))
    found = attribute(model, inputs, np.zeros(5), integrator="exact")
    with torch.no_grad():
        steps = torch.linspace(0, 1, 20001, dtype=torch.float64)[:, None]
        for x, evaluations in zip(inputs, found.evaluations, strict=True):
            above = model[2](torch.relu(model[0](steps * torch.from_numpy(x)))) >= 0
            flips = (above[1:] != above[:-1]).sum(0)
            # One cell more than flips, and one between two of the same unit.
            assert evaluations == flips.sum() + 1 + (flips - 1).clamp_min(0).sum()


class Fold(torch.nn.Module):
    """z = x0 - 2 relu(x1 - 1/2) - least rises and falls again along (0, 0) to (1, 1); relu(z), or more units of it."""

    def __init__(self, least: float, twice: bool) -> None:
        super().__init__()
        self.least, self.twice = least, twice

    def forward(self, x: Any) -> Any:
        z = x[:, :1] - 2 * torch.relu(x[:, 1:] - 0.5) - self.least
        return torch.relu(torch.cat([z, z, -z], dim=1) if self.twice else z).sum(1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("twice", [False, True], ids=["one unit", "units that flip together"])
@pytest.mark.parametrize("least", [0.0, 0.1, 0.4, 0.49])
def test_a_unit_that_is_at_its_kink_at_both_ends_of_a_cell(least: float, twice: bool, dtype: str) -> None:
    """With a slope of 0/0 for 0 the attributions would be (0, 0), and the completeness delta perfect."""
    found = attribute(Fold(least, twice), np.ones((1, 2), dtype), np.zeros(2, dtype), integrator="exact")
    share = 1 - 2 * least  # of the path has z > 0
    expected = 2 * share - (1 - share) if twice else share
    np.testing.assert_allclose(
        found.attributions, [[expected, -expected]], atol={"float32": 1e-6, "float64": 1e-12}[dtype]
    )


def test_a_unit_that_stays_at_its_kink_for_a_while_and_then_rises_and_falls() -> None:
    class Late(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.relu(torch.relu(x[:, 0] - 0.5) - 2 * torch.relu(x[:, 1] - 0.75))

    found = attribute(Late(), np.ones((1, 2)), np.zeros(2), integrator="exact")
    np.testing.assert_allclose(found.attributions, [[0.5, -0.5]], atol=1e-12)


def test_rows_that_are_not_finite_spoil_no_other() -> None:
    model, rng = MODELS["relu"][0](), np.random.default_rng(8)
    inputs = rng.normal(size=(9, 5))
    inputs[4, 2] = np.nan
    found = attribute(model, inputs, np.zeros(5), integrator="exact", target=0)
    rest = np.arange(9) != 4
    alone = attribute(model, inputs[rest], np.zeros(5), integrator="exact", target=0)
    assert found.status[4] == "not_finite"
    np.testing.assert_allclose(found.attributions[rest], alone.attributions, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        torch.nn.SiLU(),
        torch.nn.Hardshrink(),  # linear piece by piece, but it jumps
        torch.nn.Threshold(0.5, 0.0),  # so does this
        torch.nn.Softmax(dim=1),
        torch.nn.ELU(),
    ],
    ids=lambda function: type(function).__name__,
)
def test_what_is_not_piecewise_linear_is_refused(function: Any) -> None:
    model = net(4, 6, 6, 1, functions=[torch.nn.ReLU(), function])
    with pytest.raises(InputError, match="integrator: 'exact' needs a piecewise-linear model"):
        attribute(model, np.ones((2, 4)), np.zeros(4), integrator="exact")


def test_a_steered_model_is_not_taken_for_what_it_looks_like() -> None:
    class Steered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net(4, 6, 6, 1, functions=[torch.nn.ReLU(), torch.nn.ReLU()])

        def forward(self, x: Any) -> Any:
            return self.net(x) if bool((x.sum(1) > 100).any()) else self.net(x) ** 2

    with pytest.raises(InputError, match="'exact' needs a piecewise-linear model"):
        attribute(Steered(), np.ones((2, 4)), np.zeros(4), integrator="exact")


@pytest.mark.parametrize(("tolerance", "integrator"), [(1e-2, "secant"), (1e-3, "exact")])
def test_auto_takes_it_where_it_is_cheaper(tolerance: float, integrator: str) -> None:
    model, rng = net(5, 80, 30, 1, functions=[torch.nn.ReLU(), torch.nn.ReLU()]), np.random.default_rng(9)
    found = attribute(model, 3 * rng.normal(size=(20, 5)), np.zeros(5), tolerance=tolerance)
    assert found.details["integrator"] == integrator
    assert integrator == "secant" or "the linear regions of a typical path" in found.details["reason"]


def test_groups_hold_every_row_once_and_their_limit() -> None:
    heights = np.random.default_rng(1).integers(1, 50, size=200)
    groups = list(grouped(heights, 120))
    assert sorted(np.concatenate(groups).tolist()) == list(range(200))
    assert all(group.size == 1 or group.size * heights[group].max() <= 120 for group in groups)


def test_units_that_are_at_their_kink_at_the_start_are_no_regions() -> None:
    """Without biases a network is linear from zero on, however many units it has."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(6, 200, bias=False), torch.nn.ReLU(), torch.nn.Linear(200, 100, bias=False)]
    model = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(100, 1, bias=False)).double().eval()
    inputs = np.random.default_rng(0).normal(size=(20, 6))
    found = attribute(model, inputs, np.zeros(6))
    assert found.details["integrator"] == "exact"
    assert "about 0" in found.details["reason"]
    assert (found.evaluations == 1).all()
    with torch.enable_grad():
        points = torch.from_numpy(inputs).requires_grad_()
        (gradients,) = torch.autograd.grad(model(points).sum(), points)
    np.testing.assert_allclose(found.attributions, inputs * gradients.numpy(), atol=1e-12)
