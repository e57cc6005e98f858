"""Every strategy through `explain`, in both frameworks: complete, averaged as it says, the same in any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.tiny import table, write_package

import ig_tasks
from ig_tasks import Samples, Strategy, explain
from ig_tasks.errors import BaselineError
from ig_tasks.spec import BaselineSpec

ROWS = np.random.default_rng(0).normal(size=(12, 3))
DATA = np.random.default_rng(1).normal(1.0, 2.0, size=(60, 3))
EVERY = [
    "zero",
    "auto",
    "mean",
    "mode",
    "mean_embedding",
    "max_distance",
    "blur",
    Strategy("quantile", q=0.2),
    Strategy("constant", value=0.5),
    Strategy("samples", k=4),
    Strategy("kmeans", k=3),
    Strategy("noise", k=2),
    Strategy("reference_population", k=4),
]


@pytest.fixture(scope="module", params=["torch", "keras"])
def dense(request: pytest.FixtureRequest) -> Any:
    draw = np.random.default_rng(3)
    first, second = draw.normal(size=(3, 8)), draw.normal(size=(8, 1))
    if request.param == "torch":
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
        with torch.no_grad():
            model[0].weight[:] = torch.tensor(first.T)
            model[2].weight[:] = torch.tensor(second.T)
        return model
    import keras

    model = keras.Sequential(
        [
            keras.Input((3,), dtype="float64"),
            keras.layers.Dense(8, activation="tanh", dtype="float64"),
            keras.layers.Dense(1, dtype="float64"),
        ]
    )
    model.set_weights([first, np.zeros(8), second, np.zeros(1)])
    return model


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp("project")
    return ig_tasks.load_model(write_package(root / "tiny"), trusted_root=root)


@pytest.mark.parametrize("baseline", EVERY, ids=str)
def test_complete_and_the_same_in_any_batch(dense: Any, baseline: Any) -> None:
    found = explain(dense, ROWS, baseline=baseline, reference=DATA, tolerance=1e-3)
    gained = found.output - found.baseline_output
    np.testing.assert_allclose(found.matrix.sum(axis=1), gained, atol=1e-3 * np.abs(found.matrix).sum())
    assert set(found.status) == {"converged"}
    order = np.array([7, 2, 11])
    some = explain(dense, ROWS[order], baseline=baseline, reference=DATA, tolerance=1e-3)
    np.testing.assert_allclose(some.matrix, found.matrix[order], atol=1e-9)


def test_expected_gradients_are_the_mean_over_the_rows_drawn(dense: Any) -> None:
    everything = explain(dense, ROWS, baseline=Strategy("samples", k=60), reference=DATA)
    np.testing.assert_allclose(everything.matrix, explain(dense, ROWS, baseline=Samples(DATA)).matrix, atol=1e-9)
    assert everything.details["baselines"] == 60


def test_the_average_of_all_is_the_mean_over_its_members(dense: Any) -> None:
    """Against plain autograd in float64, a Gauss-Legendre rule of 64 nodes on each path."""
    found = explain(dense, ROWS, baseline=Strategy("reference_population", k=60), reference=DATA, tolerance=1e-6)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    expected = np.zeros_like(ROWS)
    for member in DATA:
        points = member + ((nodes + 1.0) / 2.0)[:, None, None] * (ROWS - member)
        found_there = gradients(dense, points.reshape(-1, ROWS.shape[1])).reshape(points.shape)
        expected += np.tensordot(weights / 2.0, found_there, axes=1) * (ROWS - member) / len(DATA)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-6)
    mean_output = outputs(dense, DATA).mean()
    np.testing.assert_allclose(found.baseline_output, mean_output, atol=1e-12)
    np.testing.assert_allclose(found.matrix.sum(axis=1), outputs(dense, ROWS) - mean_output, atol=1e-6)
    # The mean row is another question: the model is not linear.
    of_the_mean = explain(dense, ROWS, baseline="mean", reference=DATA, tolerance=1e-6)
    assert np.abs(of_the_mean.baseline_output - mean_output).min() > 0.01


def gradients(model: Any, rows: np.ndarray) -> np.ndarray:
    if hasattr(model, "set_weights"):
        import tensorflow as tf

        given = tf.constant(rows)
        with tf.GradientTape() as tape:
            tape.watch(given)
            output = model(given)
        return np.asarray(tape.gradient(output, given))
    import torch

    given = torch.tensor(rows, requires_grad=True)
    model(given).sum().backward()
    return np.asarray(given.grad)


def outputs(model: Any, rows: np.ndarray) -> np.ndarray:
    if hasattr(model, "set_weights"):
        return np.asarray(model(rows))[:, 0]
    import torch

    with torch.no_grad():
        return np.asarray(model(torch.tensor(rows)))[:, 0]


def test_who_lies_at_the_cutoff_is_not_asked_of_the_model_in_python(dense: Any) -> None:
    asked = BaselineSpec(strategy="reference_population", cutoff=0.0, within=1.0)
    with pytest.raises(BaselineError, match="pass those rows as reference=, and leave cutoff out"):
        explain(dense, ROWS, baseline=asked, reference=DATA)


def test_centres_count_by_the_rows_of_their_cluster(dense: Any) -> None:
    data = np.array([[0.0, 0.0, 0.0]] * 3 + [[5.0, 5.0, 5.0]])
    found = explain(dense, ROWS, baseline=Strategy("kmeans", k=2), reference=data)
    low, high = (explain(dense, ROWS, baseline=np.full(3, value)).matrix for value in (0.0, 5.0))
    np.testing.assert_allclose(found.matrix, 0.75 * low + 0.25 * high, atol=1e-9)


@pytest.mark.parametrize(
    "baseline",
    [
        "zero",
        "auto",
        Strategy("samples", k=3),
        Strategy("kmeans", k=2),
        "noise",
        "max_distance",
        Strategy("median", segment="origin"),
        Strategy("constant", value={"kind": "blue", "a": 1.0}),
    ],
    ids=str,
)
def test_tables_of_a_package(loaded: Any, baseline: Any) -> None:
    frame, reference = table(20, seed=1), table(200, seed=2)
    found = explain(loaded, frame, baseline=baseline, reference=reference)
    gained = found.output - found.baseline_output
    assert np.abs(found.matrix.sum(axis=1) - gained).max() <= 0.011 * np.abs(found.matrix).sum(axis=1).max()
    order = np.array([13, 4, 0])
    some = explain(loaded, frame.iloc[order], baseline=baseline, reference=reference)
    np.testing.assert_allclose(some.matrix, found.matrix[order], atol=1e-5)


def test_rows_of_a_segment_have_their_segments_baseline(loaded: Any) -> None:
    frame, reference = table(20, seed=1), table(200, seed=2)
    found = explain(loaded, frame, baseline=Strategy("median", segment="origin"), reference=reference)
    for origin in ("EWR", "JFK"):
        mine = (frame["origin"] == origin).to_numpy()
        own = explain(loaded, frame[mine], baseline="median", reference=reference[reference["origin"] == origin])
        np.testing.assert_allclose(found.matrix[mine], own.matrix, atol=1e-5)


def test_a_row_left_out_of_the_table_takes_no_baseline_from_another(loaded: Any) -> None:
    frame, reference = table(6, seed=1), table(50, seed=2)
    whole = explain(loaded, frame, baseline=Strategy("median", segment="origin"), reference=reference)
    spoilt = frame.assign(a=frame["a"].where(frame.index != 1))
    found = explain(loaded, spoilt, baseline=Strategy("median", segment="origin"), reference=reference)
    kept = np.array([0, 2, 3, 4, 5])
    np.testing.assert_allclose(found.matrix[kept], whole.matrix[kept], atol=1e-6)


def test_strategies_by_input(loaded: Any) -> None:
    arrays = {"numeric": ROWS[:, :2].astype(np.float32), "kind": np.arange(12) % 3 + 1}
    reference = {"numeric": DATA[:, :2], "kind": np.arange(60) % 3 + 1}
    found = explain(
        loaded, arrays, baseline={"numeric": Strategy("quantile", q=0.5), "kind": "auto"}, reference=reference
    )
    np.testing.assert_allclose(
        found.matrix, explain(loaded, arrays, baseline="auto", reference=reference).matrix, atol=1e-6
    )
    with pytest.raises(BaselineError, match="'samples' of input 'kind' is 20 baselines; give one strategy for all"):
        explain(loaded, arrays, baseline={"numeric": "zero", "kind": "samples"}, reference=reference)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("quantile", "strategy 'quantile' needs q"),
        ("samples", "'samples' is fitted on data; pass some as reference="),
        (Strategy("median", segment="origin"), "segment goes with tables of a loaded model package"),
    ],
)
def test_what_is_missing(dense: Any, baseline: Any, message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        explain(dense, ROWS, baseline=baseline)


def test_a_segment_that_is_no_column(loaded: Any) -> None:
    frame: pd.DataFrame = table(5, seed=1)
    with pytest.raises(
        BaselineError, match="segment 'orgin', which is not a column of reference; did you mean 'origin'"
    ):
        explain(loaded, frame, baseline=Strategy("median", segment="orgin"), reference=frame)


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(BaselineError, match="baseline: q is not an option of strategy 'median', but of: quantile"):
        Strategy("median", q=0.5)
    with pytest.raises(BaselineError, match="'quantle' is not a strategy; did you mean 'quantile'"):
        Strategy("quantle")
    assert repr(Strategy("quantile", q=0.1)) == "Strategy('quantile', q=0.1)"
