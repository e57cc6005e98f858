"""The composite secant rule: exact where it says so, honest where it does not, the same by any route."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.integrators.secant import AdaptiveCells
from ig_tasks.attribution.structure import Structure
from ig_tasks.errors import InputError

torch = pytest.importorskip("torch")
CASES = json.loads((Path(__file__).parent / "ig_cases.json").read_text(encoding="utf-8"))


def l1_errors(found: Any, truth: Any) -> np.ndarray:
    size = np.abs(truth.attributions).reshape(len(truth), -1).sum(1)
    return np.abs(found.attributions - truth.attributions).reshape(len(truth), -1).sum(1) / size


def module(forward: Any, **parts: Any) -> Any:
    """A double-precision torch module of these parts with this forward."""
    import torch

    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                self.add_module(name, part)

        def forward(self, x: Any) -> Any:
            return forward(self, x)

    return Own().double().eval()


def linear(wide: int, narrow: int, seed: int = 0) -> Any:
    import torch

    torch.manual_seed(seed)
    return torch.nn.Linear(wide, narrow)


@pytest.mark.parametrize("integrator", ["auto", "secant"])
@pytest.mark.parametrize("network", CASES["dense_networks"], ids=lambda network: network["name"])
def test_exact_cases(kit: Any, network: dict[str, Any], integrator: str) -> None:
    model = kit.dense([(layer["weight"], layer["bias"], layer.get("activation")) for layer in network["layers"]])
    found = attribute(
        model,
        np.array([case["input"] for case in network["cases"]], float),
        np.array([case["baseline"] for case in network["cases"]], float),
        target=network["target"],
        integrator=integrator,
        tolerance=1e-6,
    )
    expected = [[float(Fraction(value)) for value in case["attributions"]] for case in network["cases"]]
    np.testing.assert_allclose(found.attributions, expected, atol=1e-9)
    assert (found.status == "converged").all()
    nonlinear = sum(layer.get("activation") is not None for layer in network["layers"])
    if nonlinear == 1:
        assert (found.evaluations == 1).all()
    else:
        # So few regions at so small a tolerance: `auto` takes them all.
        assert (found.evaluations >= 14).all() if integrator == "secant" else found.details["integrator"] == "exact"
    if nonlinear == 1:
        assert (found.error_estimate == 0).all()


@pytest.mark.parametrize("case", CASES["functions"], ids=lambda case: case["formula"])
def test_exact_functions(kit: Any, case: dict[str, Any]) -> None:
    model = kit.function(case["formula"], len(case["input"]))
    inputs, baseline = np.array([case["input"]], float), np.array(case["baseline"], float)
    found = attribute(model, inputs, baseline, tolerance=1e-9)
    expected = [float(Fraction(value)) for value in case["attributions"]]
    np.testing.assert_allclose(found.attributions[0], expected, atol=1e-8)
    assert found.status[0] == "converged"


def test_a_linear_model_takes_one_evaluation(kits: Any, rng: np.random.Generator) -> None:
    model = module(lambda self, x: self.two(self.one(x)) + x[:, :1], one=linear(4, 6), two=linear(6, 1))
    found = attribute(model, rng.normal(size=(5, 4)), np.zeros(4))
    assert (found.evaluations == 1).all()
    assert np.abs(found.convergence_delta).max() < 1e-14
    assert "affine" in found.details["reason"]


def test_the_delta_blind_case_is_right() -> None:
    import torch

    def forward(self: Any, x: Any) -> Any:
        # A second layer, so that one cell is not known to be exact.
        return torch.relu(5 + torch.relu(x[:, 0] - 0.99) - torch.relu(x[:, 1] - 0.99))

    for integrator, evaluations in (("auto", 1), ("secant", 38)):  # of few units each matters: one more level
        found = attribute(module(forward), np.ones((1, 2)), np.zeros(2), integrator=integrator)
        np.testing.assert_allclose(found.attributions, [[0.01, -0.01]], atol=1e-12)
        assert found.status[0] == "converged"
        assert found.evaluations[0] == evaluations


def test_one_cell_is_not_integrated_gradients(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(5, 4))
    deep = kits[0].dense(layers_of(4, 8, 8, 1, activation="relu"))
    with pytest.raises(InputError, match="steps: one secant cell is DeepLIFT's Rescale rule"):
        attribute(deep, inputs, np.zeros(4), integrator="secant", steps=1)
    flat = kits[0].dense(layers_of(4, 8, 1, activation="relu"))
    found = attribute(flat, inputs, np.zeros(4), integrator="secant", steps=1)
    truth = attribute(flat, inputs, np.zeros(4), integrator="midpoint", steps=20_000)
    assert l1_errors(found, truth).max() < 1e-4


ACTIVATIONS = [
    "ReLU()", "LeakyReLU(0.2)", "ReLU6()", "Hardtanh(-0.5, 0.7)", "ELU()", "SELU()", "SiLU()", "GELU()", "Tanh()",
    "Sigmoid()", "Softplus()", "Hardsigmoid()", "Hardswish()", "PReLU(8)", "ReLU(inplace=True)", "Mish()",
    "Softmax(-1)", "LayerNorm(8)", "GLU()", "CELU()", "Softsign()", "MaxPool1d(2)", "LogSoftmax(-1)", "Threshold(0, 0)",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shared", [True, False])
def test_every_activation(name: str, shared: bool, rng: np.random.Generator) -> None:
    import torch

    wide = 4 if name.startswith(("GLU", "MaxPool")) else 8
    first, second = (eval(f"torch.nn.{name}", {"torch": torch}) for _ in range(2))  # noqa: S307 - our own names
    model = torch.nn.Sequential(
        linear(5, 8, 1), first, linear(wide, 8, 2), second, linear(wide, 1, 3)
    ).double()  # fmt: skip
    inputs = rng.normal(size=(20, 5)) * 2
    baseline = np.zeros(5) if shared else rng.normal(size=(20, 5))
    found = attribute(model, inputs, baseline, integrator="secant", tolerance=1e-3)
    truth = attribute(model, inputs, baseline, integrator="clenshaw_curtis", steps=4001)
    assert found.details["integrator"] == "secant"
    errors = l1_errors(found, truth)
    assert (found.status == "converged").all()
    assert errors.max() < 2e-3
    assert np.median(errors) < 3e-4


def test_a_convolutional_net(rng: np.random.Generator) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 3),
    ).double()
    with torch.no_grad():
        model[1].running_mean.normal_()
        model[1].running_var.uniform_(0.5, 2)
    inputs = rng.normal(size=(3, 1, 12, 12))
    found = attribute(model, inputs, np.zeros((1, 12, 12)), target=1, tolerance=1e-3)
    truth = attribute(model, inputs, np.zeros((1, 12, 12)), target=1, integrator="midpoint", steps=4000)
    assert found.details["affine_prefix"] == ["conv2d", "batch_norm"]
    assert found.details["integrator"] == "secant"
    assert (found.status == "converged").all()
    assert l1_errors(found, truth).max() < 1e-3
    assert found.relative_delta.max() < 1e-12  # complete to rounding, cell by cell


def test_products_residuals_and_quotients(rng: np.random.Generator) -> None:
    import torch

    def forward(self: Any, x: Any) -> Any:
        hidden = torch.relu(self.one(x))
        gate = torch.sigmoid(self.gate(x))
        hidden = hidden * gate + hidden.clone().mul_(0.5)
        hidden = torch.maximum(hidden, self.one(x)) / (1.5 + gate)
        return torch.einsum("ri,ri->r", hidden, gate) + torch.abs(self.two(hidden)[:, 0]).clamp(max=2.0)

    model = module(forward, one=linear(4, 6), gate=linear(4, 6, 1), two=linear(6, 1, 2))
    inputs = rng.normal(size=(10, 4)) * 2
    found = attribute(model, inputs, np.zeros(4), tolerance=1e-4)
    truth = attribute(model, inputs, np.zeros(4), integrator="midpoint", steps=20_000)
    assert found.details["integrator"] == "secant"
    assert found.relative_delta.max() < 1e-10
    assert (found.status == "converged").all()
    assert l1_errors(found, truth).max() < 1e-4


def test_swapped_endpoints_negate(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kits[0].dense(layers_of(4, 16, 8, 1, activation="relu"))
    inputs, baseline = rng.normal(size=(30, 4)), rng.normal(size=(30, 4))
    one, two = attribute(model, inputs, baseline), attribute(model, baseline, inputs)
    np.testing.assert_allclose(one.attributions, -two.attributions, atol=1e-10)


def test_rows_do_not_depend_on_their_batch(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kits[0].dense(layers_of(4, 64, 32, 1, activation="relu"))
    inputs = rng.normal(size=(50, 4)) * 3
    whole = attribute(model, inputs, np.zeros(4), tolerance=1e-3)
    order = rng.permutation(50)
    small = attribute(model, inputs[order], np.zeros(4), tolerance=1e-3, memory_limit=20_000)
    assert small.details["batches"]["count"] > 50
    np.testing.assert_allclose(small.attributions, whole.attributions[order], atol=1e-11)
    assert np.array_equal(small.evaluations, whole.evaluations[order])


def test_a_row_that_is_not_finite_spoils_no_other(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    model = kits[0].dense(layers_of(4, 64, 32, 1, activation="relu"))
    inputs = rng.normal(size=(12, 4))
    clean = attribute(model, inputs, np.zeros(4), integrator="secant")
    inputs[[0, 5], 2] = np.nan, np.inf
    found = attribute(model, inputs, np.zeros(4), integrator="secant")
    assert found.details["integrator"] == "secant"
    assert (found.status[[0, 5]] == "not_finite").all()
    kept = ~np.isin(np.arange(12), [0, 5])
    np.testing.assert_allclose(found.attributions[kept], clean.attributions[kept], atol=1e-13)


@pytest.mark.parametrize(("sizes", "tolerance"), [((6, 48, 48, 1), 0.01), ((6, 32, 32, 32, 1), 0.001)])
def test_converged_rows_are_as_good_as_they_say(
    kits: Any, layers_of: Any, sizes: tuple[int, ...], tolerance: float, rng: np.random.Generator
) -> None:
    model = kits[0].dense(layers_of(*sizes, activation="relu"))
    inputs = rng.normal(size=(400, 6))
    found = attribute(model, inputs, np.zeros(6), tolerance=tolerance, integrator="secant")
    truth = attribute(model, inputs, np.zeros(6), integrator="exact")
    done = found.status == "converged"
    errors = l1_errors(found, truth)[done]
    assert done.mean() > 0.99
    assert (errors > tolerance).mean() <= 0.005
    assert (errors > 2 * tolerance).mean() <= 0.0005


def test_levels_within_max_evaluations(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    assert AdaptiveCells(Structure(pieces=2), 100).stages == ((4, 10), (24,), (58,))
    model = kits[0].dense(layers_of(4, 64, 64, 1, activation="relu"))
    found = attribute(
        model, rng.normal(size=(20, 4)) * 3, np.zeros(4), integrator="secant", tolerance=1e-8, max_evaluations=40
    )
    assert (found.evaluations == 38).all()
    flagged = found.status == "max_evaluations"
    assert np.array_equal(flagged, (found.error_estimate > 1e-8) | (found.relative_delta > 1e-8))


def test_smooth_models_take_quadrature(kits: Any, layers_of: Any, rng: np.random.Generator) -> None:
    found = attribute(kits[0].dense(layers_of(4, 8, 8, 1)), rng.normal(size=(3, 4)), np.zeros(4))
    assert found.details["integrator"] == "adaptive"
    assert found.details["reason"] == "smooth operations (tanh)"


@pytest.mark.parametrize(
    "pool",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2, "ceil_mode": True},
        {"kernel_size": (2, 3), "stride": 1, "dilation": (1, 2)},
    ],
    ids=str,
)
def test_pools_are_complete_cell_by_cell(pool: dict[str, Any], rng: np.random.Generator) -> None:
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(**pool), torch.nn.Tanh(), torch.nn.Flatten()
    )
    width = model(torch.zeros(1, 1, 9, 9)).shape[1]
    model = model.append(torch.nn.Linear(width, 1)).double().eval()
    inputs = rng.normal(size=(4, 1, 9, 9))
    found = attribute(model, inputs, np.zeros((1, 9, 9)), integrator="secant", steps=60)
    assert np.abs(found.convergence_delta).max() < 1e-12
    truth = attribute(model, inputs, np.zeros((1, 9, 9)), integrator="midpoint", steps=5000)
    assert l1_errors(found, truth).max() < 5e-4


def test_alike_pixels_of_a_window_share_as_torch_shares(rng: np.random.Generator) -> None:
    """Where two members of a window tie all along the path, the first has the gradient, whichever rule runs."""
    import torch

    torch.manual_seed(1)
    parts: list[Any] = [torch.nn.MaxPool2d(2), torch.nn.Flatten(), torch.nn.Linear(4, 5), torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts, torch.nn.Linear(5, 1)).double().eval()
    inputs = np.repeat(np.repeat(rng.random((3, 1, 2, 2)), 2, axis=2), 2, axis=3)
    found = attribute(model, inputs, np.zeros((1, 4, 4)), integrator="secant", steps=50)
    truth = attribute(model, inputs, np.zeros((1, 4, 4)), integrator="midpoint", steps=5000)
    assert l1_errors(found, truth).max() < 1e-3


def test_a_unit_behind_pooling_that_flips_off_and_on_where_the_maximum_changes() -> None:
    """One pair (-0.9927, 0.8642) from (0.4595, -0.5412): the ReLU is off while neither is positive."""
    model = torch.nn.Sequential(torch.nn.MaxPool1d(2), torch.nn.ReLU(), torch.nn.Flatten())
    endpoints, start = np.array([[[-0.9927, 0.8642]]]), np.array([[0.4595, -0.5412]])
    for integrator in ("auto", "secant", "exact"):
        found = attribute(model, endpoints, start, integrator=integrator, tolerance=1e-6)
        np.testing.assert_allclose(found.attributions.reshape(2), [-0.4595, 0.8642], atol=1e-12)
        assert found.status[0] == "converged"


@pytest.mark.parametrize("integrator", ["auto", "secant"])
def test_small_pooling_nets_are_right_where_they_say_so(integrator: str) -> None:
    torch.manual_seed(2)
    parts = [torch.nn.Linear(8, 8), torch.nn.MaxPool1d(2), torch.nn.ReLU(), torch.nn.Linear(4, 1)]
    model = torch.nn.Sequential(*parts).eval()
    inputs = 2 * np.random.default_rng(2).normal(size=(500, 8)).astype(np.float32)
    found = attribute(model, inputs, np.zeros(8), integrator=integrator)
    x = torch.as_tensor(inputs, dtype=torch.float64)
    along = (torch.arange(3000, dtype=torch.float64) + 0.5) / 3000
    points = (along[:, None, None] * x).flatten(0, 1).requires_grad_()
    right = x * torch.autograd.grad(model.double()(points).sum(), points)[0].view(3000, *x.shape).mean(0)
    error = np.abs(found.attributions - right.numpy()).sum(1) / np.abs(right.numpy()).sum(1)
    assert (found.status == "converged").sum() >= 495
    assert error[found.status == "converged"].max() <= 0.02
    assert (error[found.status == "converged"] > 0.01).sum() <= 1


def test_two_that_are_alike_have_no_part_in_their_distance() -> None:
    """relu(|p - q| - 0.1) + p: where p is q all along the path, p alone counts, as in plain autograd."""
    model = module(lambda self, x: (self.first(x).abs() - 0.1).relu() + x[:, :1], first=linear(2, 1, 1))
    with torch.no_grad():
        model.first.weight.copy_(torch.tensor([[1.0, -1.0]]))
        model.first.bias.zero_()
    inputs = np.array([[1.0, 2.0], [3.0, 3.0], [-2.0, -2.0]])
    for integrator in ("auto", "secant"):
        found = attribute(model, inputs, np.zeros(2), integrator=integrator)
        np.testing.assert_allclose(found.attributions, [[0.1, 1.8], [3.0, 0.0], [-2.0, 0.0]], atol=1e-9)


@pytest.mark.parametrize("name", ["amax", "max", "amin"])
def test_masked_places_of_a_maximum_lose_nothing_of_the_others(name: str) -> None:
    """Places masked by -1e9, from the forty-first row on: p + relu(q - p) would be 0 beside them."""
    reduce = {
        "amax": lambda h: h.amax(1),
        "max": lambda h: h.max(dim=1).values,
        "amin": lambda h: -(-h).amin(dim=1),
    }[name]

    class Masked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 1)

        def forward(self, x: Any, mask: Any) -> Any:
            return self.last(reduce(self.first(x).masked_fill(mask[:, :, None] > 0, -1e9)).relu())

    model = Masked().eval()
    rng = np.random.default_rng(0)
    inputs, mask = rng.normal(size=(60, 9, 3)).astype(np.float32), np.zeros((60, 9), np.float32)
    mask[40:, 0], mask[50:, 2:5] = 1.0, 1.0
    settings: dict[str, Any] = {"fixed": {"mask": mask}, "tolerance": 1e-3}
    found = [
        attribute(model, {"x": inputs}, {"x": np.zeros((9, 3))}, integrator=i, **settings) for i in ("auto", "secant")
    ]
    settings["integrator"], settings["steps"] = "midpoint", 4000
    truth = attribute(model.double(), {"x": inputs}, {"x": np.zeros((9, 3))}, **settings).attributions["x"]
    for one in found:
        assert (one.status == "converged").all()
        apart = np.abs(one.attributions["x"] - truth).sum((1, 2))
        assert (apart <= 2e-3 * np.abs(truth).sum((1, 2)) + 5e-4).all()


WINDOWS: dict[str, Any] = {
    "max": lambda x: x.view(-1, 2, 4).max(dim=2).values,
    "min": lambda x: x.view(-1, 2, 4).min(2, keepdim=True)[0].squeeze(2),
    "amax": lambda x: x.view(-1, 2, 2, 2).amax(dim=(2, 3)),
    "adaptive": lambda x: torch.nn.functional.adaptive_max_pool1d(x[:, None], 3)[:, 0, :2],
    "sort": lambda x: x.sort(dim=1, descending=True)[0][:, 2:4],
    "topk": lambda x: x.topk(3, dim=1, largest=False).values[:, 1:],
    "median": lambda x: x.view(-1, 2, 4).median(dim=2).values,
    "kthvalue": lambda x: x.view(-1, 2, 4).kthvalue(3, dim=2).values,
    "clamp": lambda x: x[:, :2].clamp(x[:, 2:4].detach() * 0.0 - 0.2, x[:, 2:4].detach() * 0.0 + 0.4),
    "maximum": lambda x: torch.maximum(x[:, :2], torch.full_like(x[:, :2], 0.1)),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_what_compares_several_values_is_exact_in_its_regions(name: str) -> None:
    """The affine prefix, the comparisons and one ReLU: piecewise linear, so that exact integration holds."""
    model = module(
        lambda self, x: self.last(WINDOWS[name](self.first(x)).relu()), first=linear(5, 8), last=linear(2, 1, 1)
    )
    inputs = np.random.default_rng(3).normal(size=(12, 5)) * 2
    truth = attribute(model, inputs, np.zeros(5), integrator="midpoint", steps=20_000)
    for integrator in ("exact", "auto"):
        found = attribute(model, inputs, np.zeros(5), integrator=integrator, tolerance=1e-3)
        assert (found.status == "converged").all()
        size = np.abs(truth.attributions).sum(1)
        assert (np.abs(found.attributions - truth.attributions).sum(1) <= 1e-3 * size + 1e-5).all()
