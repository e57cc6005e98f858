"""`explain` by other methods: tables of a loaded package, units of layers, what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import tiny

import ig_tasks
from ig_tasks.attribution.methods import Conductance, Guided, Layer
from ig_tasks.errors import InputError


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("package")
    return ig_tasks.load_model(tiny.write_package(root / "tiny"), trusted_root=root)


@pytest.fixture
def table() -> Any:
    frame = tiny.table(12, 1)
    frame.loc[3, "a"] = np.nan
    return frame


def test_rows_that_cannot_be_encoded_have_no_standard_error(loaded: Any, table: Any) -> None:
    reference = tiny.table(20, 2)
    drawn = ig_tasks.Strategy("samples", k=3)
    found = ig_tasks.explain(loaded, table, method="expected_gradients", baseline=drawn, reference=reference)
    assert found.status[3] == "not_finite"
    for part, error in zip(found.attributions.values(), found.standard_error.values(), strict=True):
        assert error.shape == part.shape
        np.testing.assert_array_equal(np.isnan(error), np.isnan(part))
    assert found.details["method"] == "expected_gradients"


def test_units_of_a_layer_are_the_features(loaded: Any, table: Any) -> None:
    layer = next(name for name, module in loaded.model.named_modules() if type(module).__name__ == "Linear")
    for method in (Conductance(layer), Layer(layer)):
        found = ig_tasks.explain(loaded, table, method=method, baseline="auto", reference=tiny.table(20, 2))
        assert len(found) == len(table)
        assert found.status[3] == "not_finite"
        assert np.isnan(found.matrix[3]).all()
        assert found.features[0] == f"{layer}[0]"
        assert found.to_frame().index.equals(table.index)


def test_what_is_about_rules_of_integrated_gradients_says_so() -> None:
    import torch

    found = ig_tasks.explain(torch.nn.Linear(2, 1), np.ones((2, 2), np.float32), method=Guided(steps=3))
    with pytest.raises(InputError, match=r"^convergence: .* by method 'guided'"):
        found.convergence(0)


def test_a_chart_of_a_row_without_proof_says_why() -> None:
    import torch

    found = ig_tasks.explain(torch.nn.Linear(2, 1), np.ones((2, 2), np.float32), method="saliency")
    assert "neither completeness nor an error estimate" in " ".join(found.waterfall(0).notes)
