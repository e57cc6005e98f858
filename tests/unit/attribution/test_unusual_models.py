"""Half precision, sparse weights and tables, checkpoints, layers without weights: right numbers, or one line."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from ig_tasks import diagnose
from ig_tasks.attribution import attribute
from ig_tasks.errors import ModelError

torch = pytest.importorskip("torch")
nn = torch.nn

ROWS = np.random.default_rng(0).normal(size=(8, 6))
TOLERANCE = 0.01


def l1_errors(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.abs(found - right).sum(1) / np.abs(right).sum(1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("activation", ["ReLU", "Tanh"])
def test_half_precision_is_right_where_it_is_called_converged(dtype: str, activation: str) -> None:
    torch.manual_seed(0)
    kind = getattr(nn, activation)
    model = nn.Sequential(nn.Linear(6, 24), kind(), nn.Linear(24, 24), kind(), nn.Linear(24, 1))
    model = model.to(getattr(torch, dtype))
    found = attribute(model, ROWS, np.zeros(6), tolerance=TOLERANCE, max_evaluations=257)
    right = attribute(copy.deepcopy(model).double(), ROWS, np.zeros(6), tolerance=1e-5).attributions
    converged = found.status == "converged"
    assert converged.sum() >= 4
    assert (l1_errors(found.attributions, right)[converged] <= 2 * TOLERANCE).all()
    wide = attribute(model, ROWS, np.zeros(6), precision="float64", tolerance=1e-5)
    np.testing.assert_allclose(wide.attributions, right, atol=1e-12)


def test_keras_mixed_precision_is_right_where_it_is_called_converged() -> None:
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    hidden = keras.layers.Dense(24, "tanh", dtype="mixed_float16")(x)
    model = keras.Model(x, keras.layers.Dense(1, dtype="mixed_float16")(hidden))
    found = attribute(model, ROWS, np.zeros(6), tolerance=TOLERANCE)
    right = attribute(model, ROWS, np.zeros(6), precision="float64", tolerance=1e-5).attributions
    assert (found.status == "converged").all()
    assert (l1_errors(found.attributions, right) <= 2 * TOLERANCE).all()


class Sparse(nn.Module):
    def __init__(self, layout: str) -> None:
        super().__init__()
        torch.manual_seed(0)
        weight = torch.randn(5, 6, dtype=torch.float64).relu()
        self.weight = nn.Parameter({"coo": weight.to_sparse, "csr": weight.to_sparse_csr, "": weight.clone}[layout]())
        self.out = nn.Linear(5, 1).double()

    def forward(self, x: Any) -> Any:
        return self.out(torch.tanh((self.weight @ x.t()).t()))


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_sparse_weights(layout: str) -> None:
    found = attribute(Sparse(layout), ROWS, np.zeros(6), tolerance=1e-8)
    right = attribute(Sparse(""), ROWS, np.zeros(6), tolerance=1e-8)
    np.testing.assert_allclose(found.attributions, right.attributions, atol=1e-8)
    assert (found.status == "converged").all()


def test_a_table_with_sparse_gradients() -> None:
    class Tokens(nn.Module):
        def __init__(self, *, sparse: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.table, self.out = nn.Embedding(6, 4, sparse=sparse), nn.Linear(4, 1)

        def forward(self, ids: Any) -> Any:
            return self.out(torch.tanh(self.table(ids).sum(1)))

    ids, start = {"ids": np.array([[0, 1, 2], [3, 4, 5]])}, {"ids": np.zeros(3, int)}
    found, right = (attribute(Tokens(sparse=each), ids, start, layers={"ids": "table"}) for each in (True, False))
    np.testing.assert_array_equal(found.attributions["ids"], right.attributions["ids"])


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.out, self.reentrant = nn.Linear(6, 8).double(), nn.Linear(8, 1).double(), reentrant

    def forward(self, x: Any) -> Any:
        from torch.utils.checkpoint import checkpoint

        def hidden(z: Any) -> Any:
            return torch.tanh(self.body(z))

        inside = hidden(x) if self.reentrant is None else checkpoint(hidden, x, use_reentrant=self.reentrant)
        return self.out(inside)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_checkpoints() -> None:
    with pytest.raises(ModelError, match=r"^model: .*use_reentrant=True gives no gradients.* pass use_reentrant=False"):
        attribute(Checkpointed(True), ROWS, np.zeros(6))
    found, right = (attribute(Checkpointed(each), ROWS, np.zeros(6), tolerance=1e-6) for each in (False, None))
    np.testing.assert_allclose(found.attributions, right.attributions, atol=1e-6)


def test_a_layer_without_weights_is_refused_by_name() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyBatchNorm1d(), nn.LazyLinear(1))
    said = r"^model: its layer '0' \(LazyLinear\) has no weights yet; call the model on a row"
    for ask in (lambda: attribute(model, ROWS, np.zeros(6)), lambda: diagnose(model, ROWS)):
        with pytest.raises(ModelError, match=said):
            ask()
    assert isinstance(model[0], nn.LazyLinear)
    model(torch.zeros(2, 6))
    attribute(model, ROWS.astype(np.float32), np.zeros(6))
