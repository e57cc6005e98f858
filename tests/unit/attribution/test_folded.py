"""Wide inputs before a narrow layer: sums are kept behind the affine prefix, and unfolded level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch  # noqa: TID253 - a mechanism of the torch backend alone

from ig_tasks.attribution import attribute
from ig_tasks.attribution.backends.torch.backend import TorchBackend
from ig_tasks.attribution.structure import Structure

COLUMNS = 90


def wide(outputs: int = 1) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(COLUMNS, 12), torch.nn.GELU(), torch.nn.Linear(12, 12), torch.nn.Tanh(),
        torch.nn.Linear(12, outputs),
    ).double()  # fmt: skip


class TwoParts(torch.nn.Module):
    """Two inputs, two cuts."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right, self.out = torch.nn.Linear(60, 6), torch.nn.Linear(40, 6), torch.nn.Linear(6, 1)

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        both = torch.nn.functional.silu(self.left(left)) + torch.sigmoid(self.right(right))
        return self.out(torch.tanh(both))


def unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    inspect_model = TorchBackend.inspect

    def plain(self: TorchBackend, rows: Any) -> Structure:
        found = inspect_model(self, rows)
        self.folded = 0
        return found

    monkeypatch.setattr(TorchBackend, "inspect", plain)
    monkeypatch.setattr(TorchBackend, "recall", lambda self, rows: None)


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Units of every sum that was unfolded."""
    seen, unfold = [], TorchBackend.unfold

    def counted(self: TorchBackend, batch: Any, sums: Any) -> Any:
        seen.append(sums.shape[-1])
        return unfold(self, batch, sums)

    monkeypatch.setattr(TorchBackend, "unfold", counted)
    return seen


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"tolerance": 1e-9},
        {"integrator": "clenshaw_curtis", "tolerance": 1e-6},
        {"integrator": "midpoint", "steps": 7},
        {"target": "all", "tolerance": 1e-6},
    ],
    ids=str,
)
@pytest.mark.parametrize("shared", [True, False])
def test_the_same_numbers_as_at_the_inputs(
    settings: dict[str, Any], shared: bool, folded: list[int], monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    model = wide(3 if "target" in settings else 1)
    inputs = rng.normal(size=(40, COLUMNS))
    inputs[3, 4] = np.inf
    baseline = rng.normal(size=COLUMNS if shared else (40, COLUMNS))
    found = attribute(model, inputs, baseline, **settings)
    assert set(folded) == {12}
    unfolded(monkeypatch)
    at_inputs = attribute(model, inputs, baseline, **settings)
    np.testing.assert_allclose(found.attributions, at_inputs.attributions, rtol=1e-10, atol=1e-13)
    for field in ("output", "baseline_output", "convergence_delta"):
        np.testing.assert_allclose(getattr(found, field), getattr(at_inputs, field), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found.status, at_inputs.status)
    np.testing.assert_array_equal(found.evaluations, at_inputs.evaluations)


def test_several_places_where_the_prefix_ends(
    folded: list[int], monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    model = TwoParts().double()
    inputs = {"left": rng.normal(size=(9, 60)), "right": rng.normal(size=(9, 40))}
    baseline = {"left": np.zeros(60), "right": np.ones(40)}
    found = attribute(model, inputs, baseline, tolerance=1e-7)
    assert set(folded) == {12}
    unfolded(monkeypatch)
    at_inputs = attribute(model, inputs, baseline, tolerance=1e-7)
    for name in inputs:
        np.testing.assert_allclose(found.attributions[name], at_inputs.attributions[name], rtol=1e-10, atol=1e-13)


def test_a_prefix_that_ends_in_normalisation(folded: list[int], rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    first, second = torch.nn.BatchNorm1d(3).eval(), torch.nn.Linear(3, 1)
    first.running_mean, first.running_var = torch.randn(3), torch.rand(3) + 0.5
    model = torch.nn.Sequential(torch.nn.Linear(8, 3), first, torch.nn.Tanh(), second, torch.nn.Softplus()).double()
    found = attribute(model.eval(), rng.normal(size=(7, 8)), np.zeros(8), tolerance=1e-8)
    assert set(folded) == {3}
    assert np.abs(found.relative_delta).max() < 1e-8


def test_in_single_precision_sums_are_those_of_double(rng: np.random.Generator) -> None:
    inputs = rng.normal(size=(40, COLUMNS)).astype(np.float32)
    single = attribute(wide().float(), inputs, np.zeros(COLUMNS))
    double = attribute(wide().float(), inputs, np.zeros(COLUMNS), precision="float64")
    size = np.abs(double.attributions).sum(axis=1, keepdims=True)
    assert np.abs((single.attributions - double.attributions) / size).max() < 1e-6
    assert np.abs(single.relative_delta).max() < 0.01
