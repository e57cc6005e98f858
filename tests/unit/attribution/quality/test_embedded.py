"""Features of embedded inputs at the baseline: ids, vectors, and masks that are passed on; in both frameworks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ig_tasks
from ig_tasks.explanations.quality import subject_of

ROWS = 12


def chosen_sets(features: int) -> list[np.ndarray]:
    draw = np.random.default_rng(4)
    return [draw.random((ROWS, features)) < 0.5 for _ in range(4)]


def test_tokens_at_the_baseline_are_other_ids(kit: Any) -> None:
    draw = np.random.default_rng(0)
    ids, mask = draw.integers(1, 6, (ROWS, 3)), draw.integers(0, 2, (ROWS, 3)).astype(float)
    mask[:, 0] = 1.0
    model = kit.tokens()
    explanation = ig_tasks.explain(
        model, {"ids": ids}, fixed={"mask": mask}, baseline={"ids": 0}, layers={"ids": "tok"}, target=1
    )
    subject = subject_of(explanation, np.arange(ROWS))
    sets = chosen_sets(3)
    for chosen, found in zip(sets, subject.without(sets), strict=True):
        expected = kit.predict(model, ids=np.where(chosen, 0, ids), mask=mask)[:, 1]
        assert found == pytest.approx(expected, abs=1e-9)
    quality = explanation.quality(rows=ROWS, draws=3, methods=[], baselines={"ones": {"ids": 1}})
    assert quality.aside == {"sensitivity": "no input holds numbers that could be moved a little"}
    assert quality.rows == ROWS


def test_numbers_beside_a_category_whose_baseline_is_a_vector(kit: Any, embedding: np.ndarray) -> None:
    draw = np.random.default_rng(1)
    num, cat = draw.normal(size=(ROWS, 3)), draw.integers(0, 6, ROWS)
    model = kit.tabular()
    mean = embedding.mean(axis=0)
    explanation = ig_tasks.explain(
        model, {"num": num, "cat": cat}, baseline={"num": 0.5, "cat": mean}, layers={"cat": "emb"}
    )
    subject = subject_of(explanation, np.arange(ROWS))
    assert subject.features == 4
    whole = np.zeros((ROWS, 4), bool)
    numbers = whole.copy()
    numbers[:, [0, 2]] = True
    category = whole.copy()
    category[:, 3] = True
    at_numbers, at_category, at_all, at_none = subject.without([numbers, category, ~whole, whole])
    moved = num.copy()
    moved[:, [0, 2]] = 0.5
    assert at_numbers == pytest.approx(kit.predict(model, num=moved, cat=cat)[:, 0], abs=1e-9)
    assert at_all == pytest.approx(explanation.baseline_output, abs=1e-9)
    assert at_none == pytest.approx(explanation.output, abs=1e-9)
    # With the category alone at the vector, the output is that of a path which has no other way to go.
    alone = ig_tasks.explain(model, {"num": num, "cat": cat}, baseline={"num": num, "cat": mean}, layers={"cat": "emb"})
    assert at_category == pytest.approx(alone.baseline_output, abs=1e-9)
