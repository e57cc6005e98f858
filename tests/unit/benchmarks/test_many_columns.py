"""The project that the benchmark of wide tables makes is one that ig-tasks takes."""

from pathlib import Path

import pytest

from benchmarks.many_columns import write_project
from ig_tasks.spec import load_spec
from ig_tasks.stages.planning import plan_run


@pytest.mark.parametrize("columns", [3, 300])
def test_every_column_is_a_feature(tmp_path: Path, columns: int) -> None:
    plan = plan_run(load_spec(write_project(tmp_path, columns, rows=4)))
    assert [feature.name for feature in plan.package.features] == [f"column_{at:05d}" for at in range(columns)]
