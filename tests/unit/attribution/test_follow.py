"""The affine prefix: found where it can be, the plain path's numbers either way, and no wrong turn taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.structure import Structure

torch = pytest.importorskip("torch")


def linear(wide: int, narrow: int, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return torch.nn.Linear(wide, narrow)


class Reshaped(torch.nn.Module):
    """Views by the batch's length, concatenation, constants, a residual that skips the nonlinear part."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(6)
        self.norm.running_mean.uniform_(-1, 1)
        self.one, self.two = linear(8, 5, 1), linear(5, 1, 2)
        self.register_buffer("shift", torch.arange(6.0))

    def forward(self, x: Any) -> Any:
        rows = x.shape[0]
        grid = (self.norm(x) - self.shift).view(rows, 2, 3) * 2
        joined = torch.cat([1 - grid.flatten(1), grid.sum(2)], dim=-1)
        hidden = torch.nn.functional.dropout(self.one(joined), 0.5, self.training)
        return self.two(torch.tanh(hidden)) + x[:, :1] / 3 - x.reshape(rows, -1).mean(dim=1, keepdim=True)


class Inplace(torch.nn.Module):
    """Writes into the end of the affine part, and reads it again."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = linear(6, 5), linear(5, 1)

    def forward(self, x: Any) -> Any:
        hidden = self.one(x)
        hidden.tanh_()
        again = hidden + 1
        again *= hidden
        return self.two(again.sigmoid_() + hidden)


class Attention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.TransformerEncoderLayer(2, 1, 4, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.layer(x.view(-1, 3, 2)).sum((1, 2))


class Recurrent(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gru = torch.nn.GRU(2, 3, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.gru(x.view(x.size(0), 3, 2) * 2)[0][:, -1].sum(-1)


class Siamese(torch.nn.Module):
    """Stacks two halves along the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.one = linear(3, 4)

    def forward(self, x: Any) -> Any:
        both = torch.relu(self.one(torch.cat([x[:, :3], x[:, 3:]], dim=0)))
        left, right = both.chunk(2)
        return torch.relu((left - right).abs().sum(1) - 0.1)


class Steered(torch.nn.Module):
    """Python looks at values along the path."""

    def __init__(self) -> None:
        super().__init__()
        self.one = linear(6, 1)

    def forward(self, x: Any) -> Any:
        hidden = torch.relu(self.one(x))
        return torch.relu(hidden - 0.1) if bool(torch.isfinite(hidden).all()) else hidden


class Extension(torch.nn.Module):
    """An autograd function of its own between the layers."""

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return 3 * ctx.saved_tensors[0] ** 2 * gradient

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = linear(6, 4), linear(4, 1)

    def forward(self, x: Any) -> Any:
        return self.two(torch.relu(self.Cube.apply(self.one(x))))


MODELS = {
    "reshaped": (Reshaped, True),
    "inplace": (Inplace, True),
    "attention": (Attention, None),
    "recurrent": (Recurrent, None),
    "siamese": (Siamese, None),
    "steered": (Steered, None),
    "extension": (Extension, None),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("integrator", ["auto", "adaptive", "clenshaw_curtis", "midpoint"])
def test_the_same_numbers_as_the_plain_path(
    name: str, integrator: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ig_tasks.attribution.backends.torch.backend import TorchBackend

    build, _ = MODELS[name]
    model = build().double().eval()
    inputs, baseline = rng.normal(size=(7, 6)), rng.normal(size=6)
    steps = {"midpoint": {"steps": 12}}.get(integrator, {"tolerance": 1e-4, "max_evaluations": 1025})
    found = attribute(model, inputs, baseline, integrator=integrator, **steps)
    monkeypatch.setattr(TorchBackend, "recall", lambda self, rows: None)
    monkeypatch.setattr(TorchBackend, "inspect", lambda self, row: Structure(reason="for comparison"))
    again = "adaptive" if integrator == "auto" else integrator
    plain = attribute(model, inputs, baseline, integrator=again, **steps)
    assert plain.details["affine_prefix"] == "for comparison"
    # Whether a model that was not followed has kinks is unknown: a row may be given more nodes.
    same = (found.details["integrator"] == plain.details["integrator"]) & (found.evaluations == plain.evaluations)
    size = np.where(same, 1e-10, 2e-3) * np.abs(plain.attributions).sum(1)
    assert (np.abs(found.attributions - plain.attributions) <= size[:, None]).all()
    np.testing.assert_allclose(found.output, plain.output, atol=1e-12)
    np.testing.assert_allclose(found.baseline_output, plain.baseline_output, atol=1e-12)


def test_the_prefix_is_found() -> None:
    found = attribute(Reshaped().double().eval(), np.ones((3, 6)), np.zeros(6))
    prefix = found.details["affine_prefix"]
    assert {"batch_norm", "view", "cat", "linear", "sum", "mean"} <= set(prefix)
    assert found.details["reason"] == "one layer of nonlinear operations (tanh): one cell is exact"
    assert found.relative_delta.max() < 1e-12


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("siamese", "moves the rows"),
        ("steered", "all moves the rows"),
        ("extension", "following it does not give the model's own numbers"),
    ],
)
def test_what_cannot_be_followed_is_said(name: str, words: str, rng: np.random.Generator) -> None:
    model = MODELS[name][0]().double().eval()
    found = attribute(model, rng.normal(size=(3, 6)), np.zeros(6))
    assert found.details["integrator"] == "adaptive"
    assert words in found.details["reason"]
