"""`explain`: models, tables and baselines as a notebook has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from support.tiny import table, write_package

import ig_tasks
from ig_tasks import Samples, explain, load_model
from ig_tasks.attribution import attribute
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.data.encoding import encode
from ig_tasks.errors import BaselineError, DataError, InputError


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp("project")
    return ig_tasks.load_model(write_package(root / "tiny"), trusted_root=root)


@pytest.fixture
def frame() -> pd.DataFrame:
    return table(12, seed=1).set_index("id")


@pytest.fixture
def dense() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()


def test_a_plain_model_and_an_array(dense: Any) -> None:
    inputs = np.ones((4, 3))
    found = explain(dense, inputs)
    np.testing.assert_array_equal(found.attributions, attribute(dense, inputs, np.zeros(3)).attributions)
    assert found.features == ("x[0]", "x[1]", "x[2]")
    assert isinstance(found, ig_tasks.Explanation)


def test_a_tensor_within_a_graph_is_an_array(dense: Any) -> None:
    import torch

    inputs = torch.ones((4, 3), dtype=torch.float64, requires_grad=True)
    for rows in (inputs, {"input": inputs}):
        np.testing.assert_array_equal(explain(dense, rows).output, explain(dense, np.ones((4, 3))).output)
    assert inputs.requires_grad


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (lambda frame: frame.iloc[0], "a pandas.Series"),
        (lambda frame: frame.to_dict("records"), "a list of records"),
        (lambda _: "data/rows.parquet", "a str"),
    ],
)
def test_rows_that_are_no_table_are_told_what_to_be(loaded: Any, frame: pd.DataFrame, rows: Any, what: str) -> None:
    with pytest.raises(InputError, match=rf"^inputs: {what} is not a table; give a pandas\.DataFrame with a loaded"):
        explain(loaded, rows(frame), baseline="auto", reference=frame)


def test_a_table_of_a_loaded_package(loaded: Any, frame: pd.DataFrame) -> None:
    found = explain(loaded, frame)
    encoded = encode(frame, loaded.package.config.inputs)
    expected = attribute(
        loaded.model, encoded.inputs, {"numeric": np.zeros(2), "kind": np.zeros(2)}, layers={"kind": "embed_kind"}
    )
    np.testing.assert_array_equal(found.attributions["numeric"], expected.attributions["numeric"])
    np.testing.assert_array_equal(found.attributions["kind"], expected.attributions["kind"])
    assert found.features == ("a", "b", "kind")
    assert found.matrix.shape == (12, 3)


def test_rows_that_cannot_be_encoded_stay_in_their_place(loaded: Any, frame: pd.DataFrame) -> None:
    spoilt = frame.copy()
    spoilt.iloc[3, spoilt.columns.get_loc("a")] = np.nan
    spoilt.iloc[7, spoilt.columns.get_loc("kind")] = "purple"
    found = explain(loaded, spoilt)
    assert len(found) == 12
    assert list(np.flatnonzero(found.status == "not_finite")) == [3, 7]
    assert found.details["quarantined"] == {3: "missing value in a", 7: "unknown category 'purple' in kind"}
    whole = explain(loaded, frame)
    kept = np.setdiff1d(np.arange(12), [3, 7])
    np.testing.assert_allclose(found.matrix[kept], whole.matrix[kept], atol=1e-6)
    assert np.isnan(found.matrix[[3, 7]]).all()


def test_a_strategy_is_fitted_as_the_pipeline_fits_it(loaded: Any, frame: pd.DataFrame) -> None:
    reference = table(200, seed=2)
    found = explain(loaded, frame, baseline="auto", reference=reference)
    inputs = loaded.package.config.inputs
    fitted = fit_baseline("auto", BaselineCounts.of(inputs, encode(reference, inputs).inputs))
    np.testing.assert_array_equal(explain(loaded, frame, baseline=fitted).matrix, found.matrix)
    assert not np.allclose(found.matrix, explain(loaded, frame).matrix)


def test_a_row_of_the_table_as_baseline(loaded: Any, frame: pd.DataFrame) -> None:
    found = explain(loaded, frame, baseline=frame.iloc[[4]])
    assert (found.matrix[4] == 0).all()
    np.testing.assert_allclose(found.baseline_output, found.output[4], atol=1e-6)


def test_samples_are_averaged(loaded: Any, dense: Any, frame: pd.DataFrame) -> None:
    found = explain(loaded, frame, baseline=Samples(frame.iloc[:3]))
    each = [explain(loaded, frame, baseline=frame.iloc[[row]]).matrix for row in range(3)]
    np.testing.assert_allclose(found.matrix, np.mean(each, axis=0), atol=1e-6)
    starts = np.eye(3)
    arrays = explain(dense, np.ones((2, 3)), baseline=Samples(starts))
    expected = np.mean([attribute(dense, np.ones((2, 3)), start).attributions for start in starts], axis=0)
    np.testing.assert_allclose(arrays.attributions, expected)


def test_a_strategy_on_arrays(dense: Any) -> None:
    reference = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [9.0, 2.0, 0.0]])
    found = explain(dense, np.ones((2, 3)), baseline="median", reference=reference)
    expected = attribute(dense, np.ones((2, 3)), np.array([1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(found.attributions, expected.attributions)


def test_targets_by_name(loaded: Any, frame: pd.DataFrame) -> None:
    np.testing.assert_array_equal(explain(loaded, frame, target="late").matrix, explain(loaded, frame).matrix)
    everything = explain(loaded, frame, target="all")
    assert everything.matrix.shape == (12, 1, 3)


def test_arrays_of_a_loaded_package(loaded: Any, frame: pd.DataFrame) -> None:
    arrays = encode(frame, loaded.package.config.inputs).inputs
    found = explain(loaded, arrays)
    np.testing.assert_array_equal(found.matrix, explain(loaded, frame).matrix)
    assert found.features == ("a", "b", "kind")


def test_what_does_not_fit(loaded: Any, dense: Any, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="a DataFrame needs a loaded model package"):
        explain(dense, frame)
    with pytest.raises(DataError, match="column 'kind'"):
        explain(loaded, frame.drop(columns="kind"))
    with pytest.raises(BaselineError, match="'auto' is fitted on data"):
        explain(loaded, frame, baseline="auto")
    with pytest.raises(BaselineError, match="'medain' is not a strategy; did you mean 'median'"):
        explain(loaded, frame, baseline="medain", reference=frame)
    with pytest.raises(BaselineError, match="a row of its table cannot be used: unknown category"):
        explain(loaded, frame, baseline=frame.iloc[[0]].assign(kind="purple"))


def test_no_rows_give_an_empty_explanation() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    found = explain(model, np.empty((0, 3), np.float32), target=1)
    assert found.attributions.shape == (0, 3)
    assert found.output.shape == found.status.shape == (0,)
    assert found.to_frame().shape[0] == 0
    for target in ("predicted", {"head": 0, "column": 1}):
        assert len(explain(model, np.empty((0, 3), np.float32), target=target)) == 0
    with pytest.raises(InputError, match="inputs: there are no rows, so that 'all' outputs are unknown"):
        explain(model, np.empty((0, 3), np.float32), target="all")


def test_a_bare_array_goes_with_the_only_input_of_a_package(tmp_path: Path) -> None:
    # Its layer and its feature are model.yaml's, whether the caller names the input or not.
    code = (
        "import torch\n\n\nclass Kinds(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.embed = torch.nn.Embedding(4, 2)\n        self.out = torch.nn.Linear(2, 1)\n\n"
        "    def forward(self, kind):\n        return self.out(torch.tanh(self.embed(kind)))\n\n\n"
        "def build():\n    return Kinds()\n"
    )
    inputs = {"kind": {"columns": ["kind"], "vocabulary": ["a", "b", "c"], "offset": 1, "layer": "embed"}}
    folder = write_package(tmp_path / "kinds", inputs=inputs, arguments={})
    (folder / "model.py").write_text(code)
    shapes = {"embed.weight": (4, 2), "out.weight": (1, 2), "out.bias": (1,)}
    draw = np.random.default_rng(0)
    save_file({n: draw.normal(size=s).astype(np.float32) for n, s in shapes.items()}, folder / "weights.safetensors")
    loaded, ids = load_model(folder, trusted_root=tmp_path), np.array([1, 2, 3])
    named = explain(loaded, {"kind": ids}, baseline={"kind": np.array(0)})
    for bare in (
        explain(loaded, ids, baseline=np.array(0)),
        explain(loaded, ids, baseline=np.array(0), layers={"inputs": "embed"}),
    ):
        np.testing.assert_array_equal(bare.attributions, named.attributions["kind"])
        assert bare.features == named.features == ("kind",)
    np.testing.assert_allclose(named.attributions["kind"], named.output - named.baseline_output, rtol=1e-5)
