"""Rows divided among threads: the same numbers, and nothing of it left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch  # noqa: TID253 - threads of the torch backend alone

from ig_tasks.attribution import attribute
from ig_tasks.attribution.integrators.chunk import Chunk
from ig_tasks.attribution.methods import lanes

ROWS = 1100


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Chunks by the thread that they ran in."""
    counts: dict[str, int] = {}
    made = Chunk.__init__

    def counted(self: Chunk, *arguments: Any) -> None:
        name = threading.current_thread().name
        counts[name] = counts.get(name, 0) + 1
        made(self, *arguments)

    monkeypatch.setattr(Chunk, "__init__", counted)
    return counts


class Tabular(torch.nn.Module):
    def __init__(self, activation: type[torch.nn.Module]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = torch.nn.Embedding(9, 4)
        self.net = torch.nn.Sequential(
            torch.nn.Linear(7, 16), activation(), torch.nn.Linear(16, 16), activation(), torch.nn.Linear(16, 1)
        )

    def forward(self, numbers: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        return self.net(torch.cat([numbers, self.embed(category)], dim=1))


def explained(model: torch.nn.Module, rng: np.random.Generator, **settings: Any) -> Any:
    inputs = {"numbers": rng.normal(size=(ROWS, 3)), "category": rng.integers(0, 9, ROWS)}
    inputs["numbers"][5, 1] = np.nan
    baseline = {"numbers": np.zeros(3), "category": np.zeros(4)}
    return attribute(model, inputs, baseline, layers={"category": "embed"}, **settings)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("activation", "settings"),
    [
        (torch.nn.ReLU, {"integrator": "secant"}),
        (torch.nn.ReLU, {"integrator": "exact"}),
        (torch.nn.SiLU, {"tolerance": 1e-5}),
        (torch.nn.Tanh, {"integrator": "gauss_legendre", "steps": 20}),
    ],
)
def test_the_same_numbers_as_in_one_thread(
    activation: type[torch.nn.Module], settings: dict[str, Any], seen: dict[str, int]
) -> None:
    model = Tabular(activation).double()
    divided = explained(model, np.random.default_rng(1), **settings)
    assert set(seen) == {"ig-lane_0", "ig-lane_1"}
    assert sum(seen.values()) == -(-ROWS // lanes.LEAST_ROWS)
    torch.set_num_threads(1)
    alone = explained(model, np.random.default_rng(1), **settings)
    assert set(seen) == {"ig-lane_0", "ig-lane_1", threading.current_thread().name}
    for name, part in alone.attributions.items():
        np.testing.assert_allclose(divided.attributions[name], part, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(divided.status, alone.status)
    np.testing.assert_array_equal(divided.evaluations, alone.evaluations)
    assert divided.status[5] == "not_finite"
    assert divided.details["rows_by_evaluations"] == alone.details["rows_by_evaluations"]
    assert divided.details["batches"]["count"] > 0


@pytest.mark.usefixtures("two_threads")
def test_model_and_threads_are_left_as_they_were() -> None:
    model = Tabular(torch.nn.ReLU).train()
    explained(model, np.random.default_rng(1))
    assert torch.get_num_threads() == 2
    assert model.training
    assert all(module.training for module in model.modules())
    assert not model.embed._forward_hooks
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


@pytest.mark.usefixtures("two_threads")
def test_an_exception_of_a_lane_is_raised_and_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model, made, ran = Tabular(torch.nn.ReLU).train(), Chunk.__init__, []

    def failing(self: Chunk, backend: Any, problem: Any, places: Any, *others: Any) -> None:
        ran.append(int(places[0]))
        if places[0] == 0:
            raise ZeroDivisionError("the first chunk")
        made(self, backend, problem, places, *others)

    monkeypatch.setattr(Chunk, "__init__", failing)
    with pytest.raises(ZeroDivisionError, match="the first chunk"):
        explained(model, np.random.default_rng(1))
    assert len(ran) <= 5
    assert torch.get_num_threads() == 2
    assert model.training
    assert not model.embed._forward_hooks
    monkeypatch.undo()
    assert (explained(model, np.random.default_rng(1)).status == "converged").sum() == ROWS - 1


@pytest.mark.usefixtures("two_threads")
def test_a_few_rows_stay_in_one_thread(seen: dict[str, int]) -> None:
    attribute(torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.SiLU(), torch.nn.Linear(8, 8), torch.nn.SiLU(),
                                  torch.nn.Linear(8, 1)), np.ones((20, 3)), np.zeros(3))  # fmt: skip
    assert set(seen) == {threading.current_thread().name}
