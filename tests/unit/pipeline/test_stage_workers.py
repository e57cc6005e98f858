"""A run starts as many workers as have something to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ig_tasks.pipeline import stage_workers
from ig_tasks.spec import BaselineSpec


@pytest.mark.parametrize(
    ("shards", "baseline_rows", "baseline", "useful"),
    [
        (1, 1_000, BaselineSpec(strategy="mean"), 1),
        (28, 1_000, BaselineSpec(strategy="mean"), 28),
        (1, 10_000_000, BaselineSpec(strategy="mean"), 39),
        (3, 10_000_000, BaselineSpec(strategy="table", uri="b.csv"), 3),
    ],
)
def test_shards_and_rows_of_the_baseline(
    shards: int, baseline_rows: int, baseline: BaselineSpec, useful: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = [SimpleNamespace(rows=baseline_rows // 2)] * 2
    monkeypatch.setattr(stage_workers, "baseline_files", lambda _spec, _dataset: (None, halves))
    plan: Any = SimpleNamespace(
        shards=lambda: [None] * shards, spec=SimpleNamespace(baseline=baseline, compute=None), dataset=None
    )
    assert stage_workers.useful_workers(plan) == useful
