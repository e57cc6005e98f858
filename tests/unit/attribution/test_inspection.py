"""What a look at a torch model compares: its gradients followed along the path, and those of plain autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute

torch = pytest.importorskip("torch")
F = torch.nn.functional
RNG = np.random.default_rng(4)
INPUTS, BASELINE = RNG.normal(size=(6, 8)), RNG.normal(size=8)


class Net(torch.nn.Module):
    """`middle` between two linear layers of eight, ending in one output."""

    def __init__(self, middle: Callable[[Any], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last, self.middle = torch.nn.Linear(8, 8), torch.nn.Linear(8, 1), middle
        self.double().eval()

    def forward(self, x: Any) -> Any:
        return self.last(self.middle(self.first(x)))


def truth(model: Any, nodes: int = 4000) -> np.ndarray:
    """The midpoint rule by plain autograd."""
    x, start = torch.as_tensor(INPUTS), torch.as_tensor(BASELINE)
    along = (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    points = (start + along[:, None, None] * (x - start)).flatten(0, 1).requires_grad_()
    gradients = torch.autograd.grad(model(points).sum(), points)[0].view(nodes, *x.shape)
    return np.asarray(((x - start) * gradients.mean(0)).numpy())


def halves(h: Any) -> Any:
    return torch.complex(h[:, :4], h[:, 4:])


def both(c: Any) -> Any:
    return torch.cat([c.real, c.imag], dim=1)


class Doubled(torch.autograd.Function):
    """relu(x) x, written by hand."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x.clamp(min=0.0) * x

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradient * 2.0 * x.clamp(min=0.0)


def indexed(h: Any) -> Any:
    rows, columns = torch.arange(len(h))[:, None], torch.tensor([[1, 3]])
    return torch.zeros_like(h).index_put((rows, columns), h[:, :2]).relu() + h.relu()


def scattered(h: Any) -> Any:
    places = torch.zeros(len(h), 8, dtype=torch.long) + torch.arange(8) % 4
    return torch.zeros_like(h).scatter_add(1, places, h).relu()


def viewed(h: Any) -> Any:
    c = torch.view_as_complex(h.view(-1, 4, 2))
    return torch.view_as_real(c * c.conj() + c).flatten(1).relu()


def written(h: Any) -> Any:
    h = h.clone()
    h[:, 3] += h[:, 4].relu()
    return h.relu()


MIDDLES: dict[str, Callable[[Any], Any]] = {
    "magnitudes of a spectrum": lambda h: torch.fft.fft(h).abs().relu(),
    "magnitudes alone": lambda h: torch.fft.fft(h).abs(),
    "half a spectrum": lambda h: F.pad(torch.fft.rfft(h.relu()).abs(), (0, 3)),
    "a spectrum and back": lambda h: torch.fft.irfft(torch.fft.rfft(h) * torch.linspace(0, 1, 5), n=8).relu(),
    "over two axes": lambda h: torch.fft.fft2(h.view(-1, 2, 4)).abs().flatten(1).relu(),
    "an analytic function": lambda h: both(torch.exp(0.3 * halves(h))).relu(),
    "polar": lambda h: both(torch.polar(h[:, :4].abs(), h[:, 4:])).relu(),
    "view_as_real": viewed,
    "einsum": lambda h: torch.einsum("bi,bj,bj->bi", h, h.relu(), h.tanh()),
    "torch.special": lambda h: torch.special.expit(h) + torch.special.i0(h.relu()),
    "autograd.Function": lambda h: Doubled.apply(h).relu(),
    "index_put": indexed,
    "scatter": scattered,
    "in place": written,
    "torch.func.vmap": lambda h: torch.func.vmap(lambda row: row.relu() * row.tanh())(h),
    "torch.func.grad": lambda h: torch.func.grad(lambda z: (z.tanh() ** 2).sum())(h).relu(),
}


@pytest.mark.parametrize("integrator", ["auto", "adaptive"])
@pytest.mark.parametrize("name", MIDDLES)
def test_whatever_runs_inside_is_explained_as_autograd_has_it(name: str, integrator: str) -> None:
    model = Net(MIDDLES[name])
    found = attribute(model, INPUTS, BASELINE, integrator=integrator, tolerance=1e-3)
    right = truth(model)
    error = np.abs(found.attributions - right).sum(1) / np.abs(right).sum(1)
    assert (found.status == "converged").all()
    assert error.max() <= 2e-3


def test_the_first_magnitude_bends_where_it_is_zero() -> None:
    """|sum of x|, in closed form: the mean component of a spectrum is real."""

    class Mean(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return torch.fft.rfft(x).abs()[:, :1]

    x = np.array([[3.0, -1.0, 0.5, 0.5]])
    found = attribute(Mean(), x, np.full(4, -0.25), tolerance=1e-6)  # |sum| goes from 1 over 0 to 3
    np.testing.assert_allclose(found.attributions[0], (x[0] + 0.25) * (3.0 - 1.0) / 4.0, atol=1e-12)
    assert found.status[0] == "converged"


def test_a_rule_whose_gradient_is_not_the_models_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs alone would not tell: the value is right, its slopes are not."""
    from ig_tasks.attribution.backends.torch import operations

    class Lost(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, nodes: int, z: Any) -> Any:
            return z.clamp_min(0.0)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return None, torch.zeros_like(gradient)

    monkeypatch.setattr(operations, "Relu", Lost)
    model = Net(lambda h: h.relu().view(-1, 2, 4).tanh().flatten(1))  # no chain of flat steps
    found = attribute(model, INPUTS, BASELINE, tolerance=1e-3)
    right = truth(model)
    assert "not the model's own gradients" in found.details["reason"]
    assert (np.abs(found.attributions - right).sum(1) <= 2e-3 * np.abs(right).sum(1))[found.status == "converged"].all()
    assert (found.status == "converged").any()


ENDS: dict[str, Callable[[], Any]] = {
    "softmax": lambda: torch.nn.Softmax(dim=1),
    "log_softmax": lambda: torch.nn.LogSoftmax(dim=1),
    "layer_norm": lambda: torch.nn.LayerNorm(4),
    "glu": lambda: torch.nn.GLU(),
    "normalize": lambda: Wrapped(lambda h: F.normalize(h, dim=1)),
    "logsumexp": lambda: Wrapped(lambda h: torch.stack([h.logsumexp(1), h[:, :2].logsumexp(1)], dim=1)),
}


class Wrapped(torch.nn.Module):
    def __init__(self, forward: Callable[[Any], Any]) -> None:
        super().__init__()
        self.body = forward

    def forward(self, x: Any) -> Any:
        return self.body(x)


@pytest.mark.parametrize("end", ENDS)
def test_all_outputs_at_once_are_those_of_one_at_a_time(end: str) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4), ENDS[end]())
    model = model.double().eval()
    every = attribute(model, INPUTS, BASELINE, target="all", tolerance=1e-3)
    for column in range(every.attributions.shape[1]):
        one = attribute(model, INPUTS, BASELINE, target=column, tolerance=1e-3)
        right = truth(Wrapped(lambda x, column=column: model(x)[:, column]))  # type: ignore[misc]
        for found in (every.attributions[:, column], one.attributions):
            assert (np.abs(found - right).sum(1) <= 2e-3 * np.abs(right).sum(1)).all()
    assert (every.status == "converged").all()
