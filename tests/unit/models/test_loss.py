"""The loss of a row as the number explained: what it is, and that its attributions are those of plain autograd."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_softmax

import ig_tasks
from ig_tasks.attribution import attribute
from ig_tasks.errors import InputError, ModelError
from ig_tasks.models import load_model
from ig_tasks.models.config import TargetConfig
from ig_tasks.models.loss import OUTCOME
from ig_tasks.models.output_steps import NumpyFunctions
from ig_tasks.models.spaces import head_for
from ig_tasks.presentation.units import units
from ig_tasks.statistics.losses import log_loss, row_losses

ROWS, WIDTH = 12, 4
DRAW = np.random.default_rng(8)
X, START = DRAW.normal(size=(ROWS, 3)), DRAW.normal(size=3)
HIDDEN, BIAS, LAST = DRAW.normal(size=(3, WIDTH)) * 2, DRAW.normal(size=WIDTH), DRAW.normal(size=(WIDTH, 3)) * 2
HAPPENED, CLASSES, NUMBERS = DRAW.integers(0, 2, ROWS), DRAW.integers(0, 3, ROWS), DRAW.normal(size=ROWS)

POINTS = {"method": "isotonic", "x": [-4.0, -1.0, 0.5, 3.0], "y": [0.05, 0.2, 0.6, 0.9]}
TARGETS: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "binary": ({"space": "logit", "output": 0, "activation": "sigmoid"}, HAPPENED),
    "platt": (
        {
            "space": "logit", "output": 0, "activation": "sigmoid",
            "calibration": {"method": "platt", "slope": 1.7, "intercept": -0.4},
        },
        HAPPENED,
    ),
    "isotonic": ({"space": "logit", "output": 0, "activation": "sigmoid", "calibration": POINTS}, HAPPENED),
    "classes": ({"space": "logit", "output": 1, "activation": "softmax"}, CLASSES),
    "tempered": (
        {
            "space": "logit", "output": 1, "activation": "softmax",
            "calibration": {"method": "temperature", "temperature": 1.8},
        },
        CLASSES,
    ),
    "number": ({"space": "value", "output": 2}, NUMBERS),
}  # fmt: skip


def plain_loss(case: str, scores: Any, outcome: np.ndarray) -> Any:
    """The loss as the framework's own functions have it."""
    import torch
    from torch.nn import functional

    known = torch.tensor(outcome)
    if case in ("classes", "tempered"):
        return functional.cross_entropy(scores / (1.8 if case == "tempered" else 1.0), known, reduction="none")
    if case == "number":
        return (scores[:, 2] - known) ** 2
    z = scores[:, 0]
    if case == "isotonic":
        share = torch.zeros_like(z) + POINTS["y"][0]
        for low, high, below, above in zip(POINTS["x"], POINTS["x"][1:], POINTS["y"], POINTS["y"][1:], strict=False):
            share = share + torch.clamp((z - low) / (high - low), 0, 1) * (above - below)
        return functional.binary_cross_entropy(share, known.double(), reduction="none")
    z = 1.7 * z - 0.4 if case == "platt" else z
    return functional.binary_cross_entropy_with_logits(z, known.double(), reduction="none")


def scores_of(x: Any) -> Any:
    import torch

    return torch.tanh(x @ torch.tensor(HIDDEN) + torch.tensor(BIAS)) @ torch.tensor(LAST)


@cache
def by_autograd(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(attributions, loss, loss at the baseline) in float64; the outcome stays what it is along the path."""
    import torch

    outcome, ends, start = TARGETS[case][1], torch.tensor(X), torch.tensor(START)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    if case == "isotonic":  # a kink takes many cells, not a high order
        nodes, weights = (2 * np.arange(3000) + 1) / 3000 - 1, np.full(3000, 2 / 3000)
    total = torch.zeros_like(ends)
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        point = (start + (node + 1) / 2 * (ends - start)).requires_grad_(True)
        plain_loss(case, scores_of(point), outcome).sum().backward()
        total += point.grad * weight / 2
    whole, none = (plain_loss(case, scores_of(at), outcome) for at in (ends, start.expand(ROWS, 3)))
    return (total * (ends - start)).numpy(), whole.numpy(), none.numpy()


def torch_net() -> Any:
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.last = torch.nn.Linear(3, WIDTH), torch.nn.Linear(WIDTH, 3, bias=False)

        def forward(self, x: Any) -> Any:
            return self.last(torch.tanh(self.hidden(x)))

    net = Net().double()
    with torch.no_grad():
        for layer, weights in ((net.hidden.weight, HIDDEN.T), (net.hidden.bias, BIAS), (net.last.weight, LAST.T)):
            layer.copy_(torch.tensor(weights))
    return net


def keras_net() -> Any:
    import keras

    x = keras.Input((3,), name="x", dtype="float64")
    hidden = keras.layers.Dense(WIDTH, activation="tanh", dtype="float64")
    last = keras.layers.Dense(3, use_bias=False, dtype="float64")
    net = keras.Model({"x": x}, last(hidden(x)))
    hidden.set_weights([HIDDEN, BIAS])
    last.set_weights([LAST])
    return net


@pytest.fixture(params=["torch", "keras", "keras subclass"])
def headed(request: pytest.FixtureRequest) -> tuple[Any, float]:
    """(head -> the same small network with it behind, how exact that is): a subclass takes single precision."""
    if request.param == "torch":
        from ig_tasks.models.heads.torch import with_head

        return lambda head: with_head(torch_net(), head), 1e-10
    import keras

    from ig_tasks.models.heads.keras import with_head as with_keras_head

    class Around(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.net = keras_net()

        def call(self, inputs: Any, training: bool | None = None) -> Any:
            return self.net(inputs)

    if "subclass" in request.param:
        return lambda head: with_keras_head(Around(), head), 1e-5
    return lambda head: with_keras_head(keras_net(), head), 1e-10


@pytest.mark.parametrize("case", TARGETS)
def test_attributions_are_those_of_plain_autograd_and_add_up(case: str, headed: tuple[Any, float]) -> None:
    config, outcome = TARGETS[case]
    with_head, digits = headed
    attributions, whole, none = by_autograd(case)
    single = digits > 1e-9
    within = 1e-3 if case == "isotonic" or single else 1e-6
    found = attribute(
        with_head(head_for("t", TargetConfig.model_validate(config), "loss")),
        {"x": X},
        {"x": START},
        fixed={OUTCOME: outcome.astype(np.float64)},
        precision="model" if single else "float64",
        tolerance=within,
    )
    assert set(found.status) == {"converged"}
    np.testing.assert_allclose(found.output, whole, rtol=digits, atol=digits)
    np.testing.assert_allclose(found.baseline_output, none, rtol=digits, atol=digits)
    size = np.abs(attributions).sum(axis=1, keepdims=True)
    assert (np.abs(found.attributions["x"] - attributions) <= 2 * within * size + digits).all()
    np.testing.assert_allclose(found.attributions["x"].sum(axis=1), whole - none, atol=2 * within * size.max())


@pytest.mark.parametrize("case", TARGETS)
def test_the_loss_is_that_of_the_models_quality(case: str) -> None:
    config, outcome = TARGETS[case]
    scores = np.tanh(X @ HIDDEN + BIAS) @ LAST
    head = head_for("t", TargetConfig.model_validate(config), "loss")
    found = np.asarray(head(NumpyFunctions(), scores, outcome=outcome.astype(np.float64)))[:, 0]
    if case in ("classes", "tempered"):
        shares = log_softmax(scores / (1.8 if case == "tempered" else 1.0), axis=1)
        expected = log_loss(np.exp(shares[np.arange(ROWS), outcome]))
    elif case == "number":
        expected = row_losses("number", outcome, scores[:, 2])
    else:
        z = scores[:, 0]
        share = {"binary": expit(z), "platt": expit(1.7 * z - 0.4), "isotonic": np.interp(z, POINTS["x"], POINTS["y"])}
        expected = row_losses("binary", outcome.astype(float), share[case])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_certainty_that_is_wrong_costs_36_nats_or_its_log_odds() -> None:
    probable = head_for("t", TargetConfig.model_validate({"space": "probability"}), "loss")
    logit = head_for("t", TargetConfig.model_validate({"space": "logit"}), "loss")
    one = np.ones((1, 1))
    assert probable(NumpyFunctions(), one, outcome=np.zeros(1))[0, 0] == pytest.approx(36.0437, abs=1e-4)
    assert logit(NumpyFunctions(), 500 * one, outcome=np.zeros(1))[0, 0] == 500.0
    assert logit(NumpyFunctions(), 500 * one, outcome=np.ones(1))[0, 0] == pytest.approx(np.exp(-500.0), rel=1e-12)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"temp": [1.0, -0.5, 2.0, 0.25], "wind": [0.5, 1.0, -1.0, 0.0], "carrier": ["AA", "UA", "AA", "UA"],
         "late": [1, 0, None, 1]}
    )  # fmt: skip


def test_explain_takes_outcomes_of_a_table_or_an_array(package_root: Any, table: pd.DataFrame) -> None:
    loaded = load_model(package_root, trusted_root=package_root)
    found = ig_tasks.explain(loaded, table, baseline="zero", space="loss", label="late", tolerance=1e-6)
    plain = ig_tasks.explain(loaded, table, baseline="zero", tolerance=1e-6)
    known = table["late"].notna().to_numpy()
    z, z0 = plain.output[known], plain.baseline_output[known]
    y = table["late"][known].to_numpy()
    whole, none = (y * np.logaddexp(0, -at) + (1 - y) * np.logaddexp(0, at) for at in (z, z0))
    np.testing.assert_allclose(found.output[known], whole, rtol=1e-6)
    np.testing.assert_allclose(found.baseline_output[known], none, rtol=1e-6)
    # Of a linear model every feature has the same part of the loss's change as of the change in log-odds.
    share = ((whole - none) / (z - z0))[:, None]
    np.testing.assert_allclose(found.matrix[known], plain.matrix[known] * share, rtol=1e-4, atol=1e-6)
    assert found.details["space"] == "log_loss"
    assert units("log_loss") == "nats of log loss"
    assert found.status[2] == "not_finite"
    assert found.details["quarantined"][2] == "missing value in late: a row without an outcome has no loss"
    arrays = {"numeric": table[["temp", "wind"]].to_numpy(np.float32), "carrier": np.array([1, 2, 1, 2])}
    again = ig_tasks.explain(loaded, arrays, space="loss", label=[1, 0, 1, 1], tolerance=1e-6)
    np.testing.assert_allclose(again.output[known], whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"space": "loss"}, "label: a loss is one at the row's outcome"),
        ({"label": "late"}, "label: outcomes go with the loss"),
        ({"space": "probability", "label": "late"}, "label: outcomes go with the loss"),
        ({"space": "loss", "label": "lates"}, "label: there is no column 'lates'; did you mean 'late'"),
        ({"space": "loss", "label": [1, 0]}, "label: 2 outcomes for 4 rows"),
        ({"space": "loss", "label": [1, 0, 2, 1]}, "holds '2', and an outcome of target 'late' is 0 or 1"),
    ],
)
def test_what_is_no_outcome_is_refused_in_a_line(
    torch_package: Any, table: pd.DataFrame, arguments: dict[str, Any], said: str
) -> None:
    loaded = load_model(torch_package, trusted_root=torch_package)
    with pytest.raises(InputError) as raised:
        ig_tasks.explain(loaded, table, **arguments)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_space_that_model_yaml_calls_a_loss_is_the_models_own(torch_package: Any, rewrite: Any) -> None:
    rewrite(torch_package, {"targets.late.space": "log_loss"})
    loaded = load_model(torch_package, trusted_root=torch_package)
    rows = {"numeric": np.array([[3, 1]], np.float32), "carrier": np.array([1])}
    assert ig_tasks.explain(loaded, rows, space="log_loss").output[0] == loaded.predict(rows)[0, 0]
    with pytest.raises(ModelError, match="no space"):
        loaded.for_target("late", "losses")
