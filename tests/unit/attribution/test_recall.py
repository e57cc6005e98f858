"""A call with a few rows uses what an earlier one found of the model, and never what the model no longer is."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch  # noqa: TID253 - a mechanism of the torch backend alone

from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

ROWS = np.random.default_rng(3).normal(size=(7, 5))


class Capped(torch.nn.Module):
    """ReLU and SiLU, and a cap that is an attribute, a scale that Python reads from outside."""

    scale = 1.0

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first, self.last = torch.nn.Linear(5, 12), torch.nn.Linear(12, 2)
        self.cap, self.act = 1e6, torch.nn.SiLU()
        self.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.act(self.first(x)).clamp(max=self.cap)) * Capped.scale


@pytest.fixture
def inspections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each look that is taken."""
    from ig_tasks.attribution.backends.torch import inspection

    taken: list[int] = []
    inside = inspection.chain_of

    def counted(*args: Any) -> Any:
        taken.append(1)
        return inside(*args)

    monkeypatch.setattr(inspection, "chain_of", counted)
    return taken


def by_autograd(model: torch.nn.Module, nodes: int = 4000) -> np.ndarray:
    """Midpoints in float64 of the untouched model, output 1, from the origin."""
    places = (np.arange(nodes) + 0.5) / nodes
    points = torch.tensor((places[:, None, None] * ROWS).reshape(-1, 5), requires_grad=True)
    (gradient,) = torch.autograd.grad(model(points)[:, 1].sum(), points)
    return ROWS * gradient.numpy().reshape(nodes, *ROWS.shape).mean(axis=0)


def explained(model: torch.nn.Module, rows: np.ndarray = ROWS) -> np.ndarray:
    found = attribute(model, rows, np.zeros(5), target=1, tolerance=1e-4)
    assert (found.status == "converged").all()
    return np.asarray(found.attributions)


def test_the_second_call_takes_no_look_and_says_the_same(inspections: list[int]) -> None:
    model = Capped()
    once = attribute(model, ROWS, np.zeros(5), target=1)
    again = attribute(model, ROWS, np.zeros(5), target=1)
    other = attribute(model, ROWS[::-1].copy() * 0.7, np.ones(5), target=0)
    assert len(inspections) == 1
    np.testing.assert_array_equal(once.attributions, again.attributions)
    assert once.details["reason"] == again.details["reason"]
    assert once.details["integrator"] == other.details["integrator"]


@pytest.mark.parametrize("change", ["cap", "weights", "layer", "scale", "act"])
def test_a_model_that_has_changed_is_looked_at_again(
    change: str, inspections: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Capped()
    explained(model)
    if change == "cap":
        model.cap = 0.4
    elif change == "weights":
        with torch.no_grad():
            model.first.weight.mul_(-1.5)
    elif change == "layer":
        model.last = torch.nn.Linear(12, 2).double()
    elif change == "scale":
        monkeypatch.setattr(Capped, "scale", -3.0)
    else:
        model.act = torch.nn.ReLU()
    truth = by_autograd(model)
    error = np.abs(explained(model) - truth).sum(axis=1) / np.abs(truth).sum(axis=1)
    assert error.max() < 2e-4
    assert len(inspections) == 1 + (change != "weights")  # a chain reads the model's own weights


def test_a_cap_that_one_row_alone_reaches_is_seen(inspections: list[int]) -> None:
    model = Capped()
    before = explained(model)
    with torch.no_grad():
        hidden = model.act(model.first(torch.tensor(ROWS))).amax(dim=1)
    last, second = hidden.sort().values[[-1, -2]].tolist()
    model.cap = 0.6 * last + 0.4 * second
    found, truth = explained(model), by_autograd(model)
    moved = np.abs(found - before).max(axis=1) > 1e-6
    assert moved.sum() == 1
    np.testing.assert_allclose(found, truth, atol=2e-4 * np.abs(truth).sum(axis=1).max())
    assert len(inspections) == 2


def test_dropout_that_was_turned_on_is_not_overlooked() -> None:
    class Noisy(Capped):
        noise = False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(torch.nn.functional.dropout(x, 0.5, training=self.noise))

    model = Noisy()
    attribute(model, ROWS, np.zeros(5), target=1)
    model.noise = True
    with pytest.raises(ModelError, match="called twice on one row"):
        attribute(model, ROWS, np.zeros(5), target=1)


def test_what_is_kept_goes_with_the_model(inspections: list[int]) -> None:
    model = Capped()
    explained(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
