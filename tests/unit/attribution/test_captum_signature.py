"""What users of Captum's IntegratedGradients and LayerIntegratedGradients rely on, held against closed forms."""

from __future__ import annotations

from typing import Any

import pytest
import torch  # noqa: TID253 - what users of torch alone write
from support.captum_signature import IntegratedGradients, LayerIntegratedGradients
from torch import nn  # noqa: TID253

CLOSE: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-9}


class Power(nn.Module):
    """a^3 + b^2: each number's share is its own power less that of its baseline."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a[:, 0] ** 3 + b[:, 0] ** 2


class Product(nn.Module):
    """Four outputs of two factors, and arguments that are passed on as they are."""

    def forward(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, scale: float = 1.0, negate: bool = False
    ) -> torch.Tensor:
        product = scale * weight * x * y
        return -product if negate else product


class Axes(nn.Module):
    """An output of more axes than one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x[:, :, None] ** torch.tensor([1, 2, 3])).reshape(len(x), 2, 3)


class Bag(nn.Module):
    """The square of the sum of what words are worth, and of a number."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, 2)
        self.embedding.weight.data = torch.arange(12, dtype=torch.float64).reshape(6, 2) / 10
        self.double()

    def forward(self, ids: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
        return (self.embedding(ids).sum(dim=(1, 2)) + number[:, 0]) ** 2


def tensor(*values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


A, B = tensor([1.0], [2.0], [-1.5]), tensor([3.0], [-1.0], [0.5])


@pytest.mark.parametrize(
    ("baselines", "at"),
    [
        (None, (0.0, 0.0)),
        ((0.5, -1.0), (0.5, -1.0)),
        ((2, 0.0), (2.0, 0.0)),
        ((tensor([0.5]), tensor([-1.0])), (0.5, -1.0)),
        ((tensor([0.5], [0.5], [0.5]), -1.0), (0.5, -1.0)),
    ],
)
def test_several_inputs_and_baselines_of_every_kind(baselines: Any, at: tuple[float, float]) -> None:
    found = IntegratedGradients(Power()).attribute((A, B), baselines, return_convergence_delta=True)
    (by_a, by_b), delta = found
    torch.testing.assert_close(by_a, A**3 - at[0] ** 3, **CLOSE)
    torch.testing.assert_close(by_b, B**2 - at[1] ** 2, **CLOSE)
    assert delta.shape == (3,)
    torch.testing.assert_close(delta, torch.zeros(3, dtype=torch.float64), rtol=0.0, atol=1e-6)


def test_a_tuple_of_one_is_answered_by_a_tuple_and_a_tensor_by_a_tensor() -> None:
    square = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, dtype=torch.float64))
    rows = tensor([1.0, 2.0], [3.0, -4.0])
    (as_tuple,) = IntegratedGradients(square).attribute((rows,), target=0)
    alone = IntegratedGradients(square).attribute(rows, target=0)
    assert torch.equal(as_tuple, alone)
    torch.testing.assert_close(alone, rows * square[1].weight, **CLOSE)


@pytest.mark.parametrize("target", [1, [0, 1, 1], tensor(0, 1, 1).long()])
@pytest.mark.parametrize(
    ("more", "factor"),
    [((), 1.0), ((2.0,), 2.0), ((2.0, True), -2.0)],
)
def test_targets_by_row_and_arguments_that_are_not_explained(target: Any, more: tuple[Any, ...], factor: float) -> None:
    """Of a product from zero, each factor has half."""
    x, y = tensor([1.0, 2.0], [3.0, 4.0], [-1.0, 5.0]), tensor([2.0, -1.0], [0.5, 2.0], [1.0, 3.0])
    weight = tensor([1.0, 10.0], [2.0, 20.0], [3.0, 30.0])
    by_x, by_y = IntegratedGradients(Product()).attribute(
        (x, y), target=target, additional_forward_args=(weight, *more)
    )
    chosen = torch.zeros(3, 2, dtype=torch.float64)
    columns = [target] * 3 if isinstance(target, int) else [int(one) for one in target]
    chosen[torch.arange(3), columns] = 1.0
    expected = 0.5 * factor * weight * x * y * chosen
    torch.testing.assert_close(by_x, expected, **CLOSE)
    torch.testing.assert_close(by_y, expected, **CLOSE)


@pytest.mark.parametrize("target", [(1, 2), (0, 1)])
def test_a_target_of_several_axes(target: tuple[int, int]) -> None:
    rows = tensor([1.0, 2.0], [-3.0, 0.5])
    found = IntegratedGradients(Axes()).attribute(rows, target=target)
    expected = torch.zeros_like(rows)
    expected[:, target[0]] = rows[:, target[0]] ** (target[1] + 1)
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize(
    ("method", "at"),
    [
        ("gausslegendre", None),
        ("riemann_left", lambda n: torch.arange(n) / n),
        ("riemann_right", lambda n: (torch.arange(n) + 1) / n),
        ("riemann_middle", lambda n: (torch.arange(n) + 0.5) / n),
    ],
)
@pytest.mark.parametrize("internal_batch_size", [None, 1, 50])
def test_a_given_number_of_steps_is_taken_whatever_the_batches(
    method: str, at: Any, internal_batch_size: int | None
) -> None:
    """The rule's own sum of 3 a^2 over its nodes; Gauss-Legendre with two is exact."""
    steps = 7
    by_a, by_b = IntegratedGradients(Power()).attribute(
        (A, B), n_steps=steps, method=method, internal_batch_size=internal_batch_size
    )
    mean_a = 1.0 / 3.0 if at is None else (at(steps).double() ** 2).mean()
    mean_b = 0.5 if at is None else at(steps).double().mean()
    torch.testing.assert_close(by_a, 3.0 * mean_a * A**3, **CLOSE)
    torch.testing.assert_close(by_b, 2.0 * mean_b * B**2, **CLOSE)


def test_without_the_factor_of_the_inputs_mean_gradients_come() -> None:
    by_a, by_b = IntegratedGradients(Power(), multiply_by_inputs=False).attribute((A, B))
    torch.testing.assert_close(by_a, A**2, **CLOSE)
    torch.testing.assert_close(by_b, B, **CLOSE)


@pytest.mark.parametrize("number", [0.0, 2.5])
def test_words_by_their_embedding_beside_a_number_that_is_not_explained(number: float) -> None:
    """A square of a sum is split as the sum is: (s^2 - s0^2) / (s - s0) for each unit of what a word adds."""
    model, ids, start = Bag(), torch.tensor([[1, 5, 2], [3, 3, 4]]), torch.tensor([[0, 0, 0]])
    numbers = torch.full((2, 1), number, dtype=torch.float64)
    found = LayerIntegratedGradients(model, model.embedding).attribute(ids, start, additional_forward_args=numbers)
    worth = model.embedding.weight.detach().sum(dim=1)
    added = worth[ids] - worth[start]
    end, begin = worth[ids].sum(dim=1) + number, worth[start].sum(dim=1) + number
    torch.testing.assert_close(found, added * (end + begin)[:, None], **CLOSE)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 1)).train()
    rows = torch.ones(4, 2, requires_grad=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    IntegratedGradients(model).attribute(rows.detach())
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())
