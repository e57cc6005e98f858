"""Models that change in place what they are given: every call sees what was given, and the caller's arrays stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

torch = pytest.importorskip("torch")

ROWS = 2 * np.random.default_rng(0).normal(size=(6, 4))
ROWS[:2] *= 0.2  # the rows that are looked at first stay within the limits of a clamp
EVERY = 1e-3


def clamp_column(x: Any) -> None:
    x[:, 0].clamp_(-1, 1)


def set_column(x: Any) -> None:
    x[:, 1] = 0.3


def halve(x: Any) -> None:
    x /= 2


CHANGES: dict[str, Callable[[Any], Any]] = {
    "clamp": lambda x: x.clamp_(-1, 1),
    "clamp of a column": clamp_column,
    "scale of a column": lambda x: x[:, 0].div_(10),
    "shift": lambda x: x.sub_(0.5),
    "augmented": halve,
    "column": set_column,
    "relu": lambda x: torch.nn.functional.relu(x, inplace=True),
    "view": lambda x: x.view(-1).mul_(3),
}


class Changing(torch.nn.Module):
    """tanh of what `change` made of the input, and of a view of it that was taken before."""

    def __init__(self, change: Callable[[Any], Any], *, viewed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.change, self.viewed = change, viewed
        self.body = torch.nn.Linear(4, 8).double()
        self.last = torch.nn.Linear(8, 1).double()

    def forward(self, x: Any) -> Any:
        view = x[:, :2]
        self.change(x)
        out = self.last(torch.tanh(self.body(x)))
        return out + view.square().sum(1, keepdim=True) if self.viewed else out


def midpoint(model: Any, x: np.ndarray, nodes: int = 4000) -> np.ndarray:
    """Attributions from plain calls of the model, each on its own tensor."""
    end = torch.tensor(x)
    points = ((torch.arange(nodes) + 0.5) / nodes)[:, None, None].double() * end
    points = points.flatten(0, 1).requires_grad_()
    gradient = torch.autograd.grad(model(points.clone()).sum(), points)[0]
    return (gradient.view(nodes, *x.shape).mean(0) * end).numpy()


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("viewed", [False, True])
def test_an_explained_input(name: str, viewed: bool) -> None:
    model, x, start = Changing(CHANGES[name], viewed=viewed), ROWS.copy(), np.zeros(4)
    found = attribute(model, x, start, tolerance=EVERY)
    right = midpoint(model, ROWS)
    size = np.abs(right).sum(axis=1)
    assert (np.abs(found.attributions - right).sum(axis=1) <= 3 * EVERY * size).all(), found.details
    np.testing.assert_allclose(found.output, model(torch.tensor(ROWS)).detach().numpy()[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(x, ROWS)
    np.testing.assert_array_equal(start, np.zeros(4))


@pytest.mark.parametrize("name", ["clamp", "shift", "augmented", "relu"])
def test_what_changes_a_whole_input_is_followed(name: str) -> None:
    x = ROWS.copy()
    found = attribute(Changing(CHANGES[name]), x, np.zeros(4), integrator="secant", tolerance=EVERY)
    right = midpoint(Changing(CHANGES[name]), ROWS)
    assert (np.abs(found.attributions - right).sum(axis=1) <= 3 * EVERY * np.abs(right).sum(axis=1)).all()
    np.testing.assert_array_equal(x, ROWS)


@pytest.mark.parametrize("rule", ["gauss_legendre", "trapezoid", "left", "right", "clenshaw_curtis"])
def test_baselines_and_rules_with_ends(rule: str) -> None:
    """Baselines that rows share, and one per row, whose memory several calls read."""
    starts = np.random.default_rng(1).normal(size=(6, 4))
    for start in (starts, starts[0]):
        x, given = ROWS.copy(), start.copy()
        found = attribute(Changing(halve), x, given, integrator=rule, steps=65)
        plain = attribute(Changing(lambda x: None), x / 2, given / 2, integrator=rule, steps=65)
        np.testing.assert_allclose(found.attributions, plain.attributions, atol=1e-12)
        np.testing.assert_allclose(found.baseline_output, plain.baseline_output, atol=1e-12)
        np.testing.assert_array_equal(x, ROWS)
        np.testing.assert_array_equal(given, start)


class LastStep(torch.nn.Module):
    """The last step of every sequence, found as people do: `lengths -= 1`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.steps = torch.nn.GRU(3, 6, batch_first=True).double()
        self.out = torch.nn.Linear(6, 1).double()

    def forward(self, x: Any, lengths: Any, mask: Any) -> Any:
        hidden, _ = self.steps(x)
        lengths -= 1
        mask.mul_(2.0).sub_(1.0)
        return self.out(hidden[torch.arange(len(x)), lengths]) + (x[..., 0] * mask).sum(1, keepdim=True)


@pytest.mark.parametrize("integrator", ["auto", "gauss_legendre"])
def test_fixed_inputs(integrator: str) -> None:
    model, rng = LastStep(), np.random.default_rng(0)
    x, lengths, mask = 2 * rng.normal(size=(4, 7, 3)), np.array([7, 6, 4, 7]), rng.normal(size=(4, 7))
    fixed = {"lengths": lengths.copy(), "mask": mask.copy()}
    steps = 40 if integrator == "gauss_legendre" else None
    found = attribute(
        model, {"x": x}, {"x": np.zeros((7, 3))}, fixed=fixed, integrator=integrator, steps=steps, tolerance=1e-5
    )
    end, total = torch.tensor(x), 0
    nodes, weights = np.polynomial.legendre.leggauss(60)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = (node * end).requires_grad_()
        value = model(point, torch.tensor(lengths), torch.tensor(mask)).sum()
        total = total + weight * torch.autograd.grad(value, point)[0]
    np.testing.assert_allclose(found.attributions["x"], (end * total).numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(fixed["lengths"], lengths)
    np.testing.assert_array_equal(fixed["mask"], mask)


class Tokens(torch.nn.Module):
    """A position's vector is added in place to what the table gives, and the ids are counted down after it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = torch.nn.Embedding(6, 4).double()
        self.out = torch.nn.Linear(4, 1).double()

    def forward(self, ids: Any) -> Any:
        vectors = self.table(ids)
        vectors += torch.arange(3.0)[:, None]
        ids -= 1
        return self.out(torch.tanh(vectors).sum(1))


def test_ids_and_their_vectors() -> None:
    model, ids = Tokens(), np.array([[1, 2, 3], [5, 4, 0], [2, 2, 2]])
    given = ids.copy()
    start = np.zeros((3, 4))
    found = attribute(model, {"ids": given}, {"ids": start}, layers={"ids": "table"}, tolerance=1e-6)
    vectors = model.table(torch.tensor(ids)).detach()
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = (node * vectors).requires_grad_()
        value = model.out(torch.tanh(point + torch.arange(3.0)[:, None]).sum(1)).sum()
        total = total + weight * torch.autograd.grad(value, point)[0]
    np.testing.assert_allclose(found.attributions["ids"], (vectors * total).sum(-1).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.output, model(torch.tensor(ids)).detach().numpy()[:, 0], rtol=1e-12)
    np.testing.assert_array_equal(given, ids)
    np.testing.assert_array_equal(start, np.zeros((3, 4)))


def saved(self: Any, x: Any) -> Any:
    hidden = torch.tanh(self.body(x))
    hidden += 1
    return self.last(hidden)


def unbound(self: Any, x: Any) -> Any:
    first, *_ = x.unbind(1)
    first.mul_(2)
    return self.last(torch.tanh(self.body(x)))


def own_weight(self: Any, x: Any) -> Any:
    self.body.weight.clamp_(-1, 1)
    return self.last(torch.tanh(self.body(x)))


@pytest.mark.parametrize("forward", [saved, unbound, own_weight])
def test_what_has_no_gradient_is_refused_with_the_cause(forward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Changing, "forward", forward)
    x = ROWS.copy()
    with pytest.raises(ModelError, match=r"^model: it changes a tensor in place that its gradient needs; .*x = x \+ 1"):
        attribute(Changing(lambda x: None), x, np.zeros(4))
    np.testing.assert_array_equal(x, ROWS)


def test_keras_inputs_taken_out_of_their_dict_and_written_by_python() -> None:
    """The twin: TensorFlow's tensors stay as they are, but not the dict that they come in, nor what numpy is handed."""
    keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")

    def count_down(lengths: Any) -> Any:
        lengths -= 1
        return lengths

    class LastOf(keras.Model):
        def __init__(self) -> None:
            super().__init__(dtype="float64")
            self.out = keras.layers.Dense(1, dtype="float64")

        def call(self, inputs: Any) -> Any:
            lengths = tf.numpy_function(count_down, [inputs.pop("lengths")], tf.int64)
            lengths.set_shape((None,))
            inputs["x"] *= 2
            return self.out(tf.tanh(tf.gather(inputs.pop("x"), lengths, batch_dims=1)))

    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(4, 5, 3)), np.array([5, 4, 2, 1])
    model, inputs, fixed = LastOf(), {"x": x.copy()}, {"lengths": lengths.copy()}
    found = attribute(model, inputs, {"x": np.zeros((5, 3))}, fixed=fixed, tolerance=1e-6)
    weight, bias = (torch.tensor(each) for each in model.get_weights())
    end = torch.tensor(x)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0
    for node, share in zip((nodes + 1) / 2, weights / 2, strict=True):
        point = (node * end).requires_grad_()
        value = (torch.tanh(2 * point[torch.arange(4), torch.tensor(lengths) - 1]) @ weight + bias).sum()
        total = total + share * torch.autograd.grad(value, point)[0]
    np.testing.assert_allclose(found.attributions["x"], (end * total).numpy(), atol=1e-6)
    assert list(inputs) == ["x"]
    np.testing.assert_array_equal(inputs["x"], x)
    np.testing.assert_array_equal(fixed["lengths"], lengths)
