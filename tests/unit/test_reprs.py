"""What a notebook shows of the objects that people hold: one short line, and no array."""

from __future__ import annotations

import numpy as np
import pytest

import ig_tasks
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.point import Point
from ig_tasks.errors import UserError


def test_samples_and_strategies() -> None:
    assert repr(ig_tasks.Samples(np.zeros((8, 300)))) == "Samples((8, 300))"
    assert repr(ig_tasks.Samples({"x": np.zeros((8, 3)), "ids": np.zeros(8)})) == "Samples(x (8, 3), ids (8,))"
    assert repr(ig_tasks.Strategy("quantile", q=0.1)) == "Strategy('quantile', q=0.1)"


def test_a_fitted_baseline() -> None:
    point = Point(numbers={f"column_{place}": 0.5 for place in range(500)})
    assert repr(Baseline("median", 12_000, (point,))) == "Baseline('median', fitted on 12,000 rows)"
    several = Baseline("samples", 12_000, (point, point), options={"k": 2, "seed": 0})
    assert repr(several) == "Baseline('samples', 2 baselines, fitted on 12,000 rows)"
    by_level = Baseline("median", 9, (point,), levels={"a": point}, segment="region")
    assert repr(by_level) == "Baseline('median', 1 levels of 'region', fitted on 9 rows)"


def test_assessments_diagnoses_and_explanations() -> None:
    torch = pytest.importorskip("torch")
    model, x = torch.nn.Linear(300, 1), np.random.default_rng(0).normal(size=(20, 300)).astype(np.float32)
    judged = ig_tasks.judge_baselines(model, x, baselines=["zero", "mean"])
    assert repr(judged).startswith("BaselineAssessment of zero, mean on 20 rows: take ")
    assert len(repr(judged)) < 400
    seen = ig_tasks.diagnose(model, x)
    assert repr(seen) == "Diagnosis of a torch model, 1 inputs; differentiable: inputs"
    assert repr(ig_tasks.explain(model, x)).startswith("Explanation: 20 rows (20 converged), ")
    assert repr(ig_tasks.explain(model, x[:0])) == "Explanation: no rows"


def test_modules_are_there_as_if_imported() -> None:
    assert ig_tasks.errors.UserError is UserError
    assert ig_tasks.baselines.strategy.Strategy is ig_tasks.Strategy
    with pytest.raises(AttributeError):
        _ = ig_tasks.erors
