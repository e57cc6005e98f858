"""What `ig-tasks check` says of the rule of integration."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny import write_project

from ig_tasks.pipeline.checkup import _rule_lines
from ig_tasks.spec import load_spec


@pytest.mark.parametrize(
    "settings",
    [{"integrator": "gauss_legendre"}, {"integrator": "midpoint", "steps": 10},
     {"integrator": "clenshaw_curtis", "steps": 9}],
)  # fmt: skip
def test_a_rule_that_proves_no_row_is_warned_of(tmp_path: Path, settings: dict[str, object]) -> None:
    (line,) = _rule_lines(load_spec(write_project(tmp_path, rows=2, attribution=settings)))
    assert line.startswith(f"rule      WARNING: {settings['integrator']} has no error estimate")
    assert line.endswith("set attribution.integrator: auto and leave attribution.steps out")


@pytest.mark.parametrize("integrator", ["auto", "adaptive", "exact", "secant", "clenshaw_curtis"])
def test_a_rule_with_an_estimate_is_not(tmp_path: Path, integrator: str) -> None:
    assert not _rule_lines(load_spec(write_project(tmp_path, rows=2, attribution={"integrator": integrator})))
