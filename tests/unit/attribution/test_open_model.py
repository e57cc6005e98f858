"""A method of another definition: outputs and gradients at points of its own, in both frameworks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from ig_tasks.attribution import attribute
from ig_tasks.attribution.backends.base import Points
from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods import Method, MethodResult
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.rows import Rows
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.errors import ModelError

ROWS = {"num": np.linspace(-1, 1, 15).reshape(5, 3), "cat": np.array([0, 5, 2, 2, 1])}
START = {"num": np.full(3, 0.1), "cat": np.array(3)}
LAYERS = {"cat": "emb"}


@dataclass(frozen=True)
class Midpoints:
    """The midpoint rule, written with nothing but gradients at points."""

    name: ClassVar[str] = "midpoints"
    nodes: int = 40

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        starts, ends = model.path_ends(problem)
        places = (np.arange(self.nodes) + 0.5) / self.nodes

        def along(at: np.ndarray) -> Points:
            return {
                name: starts[name] + at.reshape(-1, *[1] * end.ndim) * (end - starts[name])
                for name, end in ends.items()
            }

        _, gradients = model.gradients(problem, along(places))
        shares = {name: gradients[name] * (end - starts[name]) for name, end in ends.items()}
        attributions = model.by_feature(problem, shares).mean(axis=0)
        baseline, output = model.outputs_at(problem, along(np.array([0.0, 1.0])))
        rows = Rows.empty(problem)
        rows.unproven(np.arange(problem.rows), attributions, (output, baseline), self.nodes)
        return MethodResult(rows, {"integrator": "midpoint", "reason": "by definition", "steps": self.nodes})


def test_gradients_at_points_give_what_the_engine_gives(kit: Any) -> None:
    assert isinstance(Midpoints(), Method)
    settings: dict[str, Any] = {"layers": LAYERS, "target": "all"}
    found = attribute(kit.tabular(), ROWS, START, method=Midpoints(), **settings)
    expected = attribute(kit.tabular(), ROWS, START, integrator="midpoint", steps=40, **settings)
    for name in ROWS:
        np.testing.assert_allclose(found.attributions[name], expected.attributions[name], rtol=1e-12, atol=1e-14)
    for field in ("output", "baseline_output", "convergence_delta"):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-10, atol=1e-13)
    assert (found.status == "unverified").all()
    assert np.isnan(found.error_estimate).all()
    assert (found.evaluations == 40).all()
    assert (found.details["method"], found.details["steps"]) == ("midpoints", 40)


def test_fixed_inputs_and_several_targets_go_with_the_rows(kit: Any, rng: np.random.Generator) -> None:
    ids, mask = rng.integers(0, 6, (7, 3)), (rng.random((7, 3)) < 0.7).astype(float)
    settings: dict[str, Any] = {"layers": {"ids": "tok"}, "fixed": {"mask": mask}, "target": "all"}
    # A few bytes: one point per batch.
    found = attribute(kit.tokens(), {"ids": ids}, {"ids": 0}, method=Midpoints(3), memory_limit=1 << 20, **settings)
    expected = attribute(kit.tokens(), {"ids": ids}, {"ids": 0}, integrator="midpoint", steps=3, **settings)
    np.testing.assert_allclose(found.attributions["ids"], expected.attributions["ids"], rtol=1e-12, atol=1e-14)
    assert found.attributions["ids"].shape == (7, 2, 3)


def test_rows_that_are_not_finite_are_told(kit: Any, layers_of: Any) -> None:
    inputs = np.array([[1.0, 2.0], [np.nan, 1.0]])
    found = attribute(kit.dense(layers_of(2, 3, 1)), inputs, np.zeros(2), method=Midpoints())
    np.testing.assert_array_equal(found.status, ["unverified", "not_finite"])
    assert np.isfinite(found.attributions[0]).all()
    assert np.isnan(found.attributions[1]).all()


def test_a_model_that_draws_random_numbers_is_refused_by_every_method() -> None:
    import torch

    class Noise(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x + torch.randn_like(x)

    model = torch.nn.Sequential(torch.nn.Linear(3, 4), Noise(), torch.nn.Linear(4, 1))
    with pytest.raises(ModelError, match=r"twice|random|differ"):
        attribute(model, ROWS["num"], np.zeros(3), method=Midpoints())
