"""A stochastic model, or one that goes on from its last call, is refused; one that counts its calls is left alone."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose
from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
BEHIND_ZEROS = np.concatenate([np.zeros((3, 4), np.float32), ROWS])  # whose first rows drop nothing but zeros
TWICE = r"^model: called twice on one row gives -?\d\S* and -?\d\S*; switch off dropout, noise and states"


class Torch(torch.nn.Module):
    def __init__(self, between: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = torch.nn.Linear(4, 16, bias=False), torch.nn.Linear(16, 1)
        self.register_buffer("calls", torch.zeros(()))
        self.last: Any = None
        self.between = between

    def forward(self, x: Any) -> Any:
        return self.out(self.between(self, torch.relu(self.hidden(x))))


def drawn(self: Any, hidden: Any) -> Any:
    return hidden * torch.rand(hidden.shape)


def added(self: Any, hidden: Any) -> Any:
    return hidden + hidden.abs() * torch.randn_like(hidden)


def counted(self: Any, hidden: Any) -> Any:
    self.calls += 1
    return hidden * self.calls


def gone_on(self: Any, hidden: Any) -> Any:
    self.last = hidden.detach().sum() if self.last is None else self.last + hidden.detach().sum()
    return hidden + self.last


ON = {
    "dropout": lambda self, hidden: functional.dropout(hidden, 0.5),
    "alpha": lambda self, hidden: functional.alpha_dropout(hidden, 0.5, True) * hidden,
    "a small share": lambda self, hidden: functional.dropout(hidden, 0.05),
    "factor": drawn,
    "noise": added,
    "counter": counted,
    "hidden state": gone_on,
}


@pytest.mark.parametrize("name", ON)
@pytest.mark.parametrize("rows", [ROWS, BEHIND_ZEROS], ids=["rows", "behind zeros"])
def test_torch(name: str, rows: np.ndarray) -> None:
    model = Torch(ON[name]).eval()
    with pytest.raises(ModelError, match=TWICE):
        attribute(model, rows, np.ones(4))
    assert model.calls == 0
    assert model.last is None


@pytest.mark.parametrize(
    "between",
    [
        lambda self, hidden: functional.dropout(hidden, 0.5, self.training),
        lambda self, hidden: functional.dropout(hidden, 0.0),
        lambda self, hidden: functional.rrelu(hidden),
        lambda self, hidden: hidden + 0 * torch.rand(1),
    ],
)
def test_torch_where_nothing_differs(between: Any) -> None:
    found = attribute(Torch(between).train(), ROWS, np.ones(4), tolerance=1e-3)
    plain = attribute(Torch(lambda self, hidden: hidden).eval(), ROWS, np.ones(4), tolerance=1e-3)
    np.testing.assert_allclose(
        found.attributions, plain.attributions, atol=4e-3 * np.abs(plain.attributions).sum(1).max()
    )


def count(self: Any, hidden: Any) -> Any:
    self.calls += 1
    self.seen = {"rows": len(hidden)}
    self.last = hidden
    return hidden


def test_what_torch_calls_leave_behind_is_taken_back() -> None:
    """A buffer that counts, attributes that appear and change, and a table that is normed where it is read."""

    class Tokens(Torch):
        def __init__(self) -> None:
            super().__init__(count)
            self.table = torch.nn.Embedding(5, 4, max_norm=0.5)

        def forward(self, ids: Any) -> Any:
            return super().forward(self.table(ids).sum(1))

    model = Tokens().train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    calls, held = model.calls, set(vars(model))
    attribute(model, {"ids": np.array([[1, 2], [3, 4]])}, {"ids": np.zeros(2, int)}, layers={"ids": "table"})
    diagnose(model, {"ids": np.array([[1, 2], [3, 4]])})
    assert model.training
    assert model.calls is calls
    assert model.last is None
    assert set(vars(model)) == held
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_what_torchscript_calls_leave_behind_is_taken_back() -> None:
    import torch

    class Counting(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls = self.calls + 1
            return x.sin().sum(1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        model = torch.jit.script(Counting())
    attribute(model, np.ones((2, 3)), np.zeros(3))
    assert model.calls == 0


# -- the twin -----------------------------------------------------------------------------------------------


def keras_model(*between: Any, **how: Any) -> Any:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    hidden = keras.layers.Dense(16, "relu", use_bias=False)(x)
    for layer in between:
        hidden = layer(hidden, **how)
    return keras.Model(x, keras.layers.Dense(1)(hidden))


@pytest.mark.parametrize("name", ["Dropout", "GaussianNoise"])
def test_keras_layers_that_are_kept_on(name: str) -> None:
    keras = pytest.importorskip("keras")
    layer = getattr(keras.layers, name)
    with pytest.raises(ModelError, match=TWICE):
        attribute(keras_model(layer(0.5), training=True), ROWS, np.ones(4))
    attribute(keras_model(layer(0.5)), ROWS, np.ones(4))


def test_keras_dropout_behind_a_nested_model_and_rows_of_zeros() -> None:
    keras = pytest.importorskip("keras")
    inner = keras_model(keras.layers.Dropout(0.5), training=True)
    x = keras.Input((4,))
    with pytest.raises(ModelError, match=TWICE):
        attribute(keras.Model(x, keras.layers.Dense(1)(inner(x))), BEHIND_ZEROS, np.ones(4))


def subclassed(call: Any) -> Any:
    keras = pytest.importorskip("keras")

    class Model(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            keras.utils.set_random_seed(0)
            self.hidden, self.out = keras.layers.Dense(16, "relu", use_bias=False), keras.layers.Dense(1)
            self.dropout = keras.layers.Dropout(0.5)
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def call(self, x: Any) -> Any:
            return self.out(call(self, self.hidden(x)))

    model = Model()
    model(ROWS)
    model.calls.assign(0.0)
    return model


def stays_on(self: Any, hidden: Any) -> Any:
    return self.dropout(hidden, training=True)


def draws_lots(self: Any, hidden: Any) -> Any:
    import tensorflow as tf

    return hidden * tf.random.uniform(tf.shape(hidden))


def scaled_by_calls(self: Any, hidden: Any) -> Any:
    self.calls.assign_add(1.0)
    return hidden * self.calls


@pytest.mark.parametrize("call", [stays_on, draws_lots, scaled_by_calls])
def test_keras_subclassed(call: Any) -> None:
    model = subclassed(call)
    before = [variable.numpy().copy() for variable in model.variables]
    with pytest.raises(ModelError, match=TWICE):
        attribute(model, BEHIND_ZEROS, np.ones(4))
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_what_keras_calls_leave_behind_is_taken_back() -> None:
    def counts(self: Any, hidden: Any) -> Any:
        self.calls.assign_add(1.0)
        return hidden

    model = subclassed(counts)
    found = attribute(model, ROWS, np.ones(4), tolerance=1e-3)
    diagnose(model, ROWS)
    assert float(model.calls) == 0.0
    right = attribute(subclassed(lambda self, hidden: hidden), ROWS, np.ones(4), tolerance=1e-3)
    np.testing.assert_allclose(
        found.attributions, right.attributions, atol=2e-3 * np.abs(right.attributions).sum(1).max()
    )


def test_a_stateful_keras_layer_is_refused_by_name() -> None:
    keras = pytest.importorskip("keras")
    x = keras.Input(batch_shape=(2, 3, 4))
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.LSTM(3, stateful=True, name="memory")(x)))
    for rows in (2, 5):
        with pytest.raises(ModelError, match=r"^model: its layer 'memory' is stateful, .* with stateful=False"):
            attribute(model, np.ones((rows, 3, 4), np.float32), np.zeros((3, 4)))
