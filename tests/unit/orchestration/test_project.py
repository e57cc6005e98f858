"""The DAG files that `ig-tasks init` writes, run as Airflow would."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from ig_tasks.orchestration.project import init_project


@pytest.mark.parametrize(
    ("file", "dag_id"),
    [
        ("ig_tasks_feature_validation.py", "ig_feature_validation"),
        ("ig_tasks_explain_on_demand.py", "ig_explain_on_demand"),
    ],
)
def test_each_dag_file_holds_its_dag_for_the_specs_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, dag_id: str
) -> None:
    monkeypatch.delenv("IG_TASKS_SPECS", raising=False)
    init_project(tmp_path)
    held = runpy.run_path(str(tmp_path / "dags" / file))
    assert held["dag"].dag_id == dag_id
    assert held["dag"].params["spec"] == "my_model"
    (tmp_path / "include" / "specs" / "my_model.yaml").unlink()
    assert runpy.run_path(str(tmp_path / "dags" / file))["dag"] is None
