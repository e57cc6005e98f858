"""Airflow reads its environment when it is first imported, so it is set before any test module is."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="ig-airflow-")
os.environ["AIRFLOW_HOME"] = _HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"
os.environ["IG_TASKS_CACHE"] = f"{_HOME.name}/cache"

from ig_tasks.spec import ExplanationSpec, load_spec  # noqa: E402 - not before the environment is set
from ig_tasks.stages.run_reference import Outcome, RowCounts, RunReference  # noqa: E402
from ig_tasks.store.report import Completeness  # noqa: E402

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "name": "loans",
    "description": "What drives a refusal",
    "owner": "credit-risk",
    "tags": ["credit"],
    "model": {"uri": "s3://models/loans", "target": "refused"},
    "data": {"uri": "s3://data/loans", "partition": "month"},
    "baseline": "median",
}


@pytest.fixture
def document() -> dict[str, Any]:
    """A spec as YAML would give it; tests change their own copy."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in DOCUMENT.items()}


@pytest.fixture
def spec(document: dict[str, Any]) -> ExplanationSpec:
    return load_spec(document)


@pytest.fixture
def task_context() -> Any:
    """Makes the context of a task, as far as our tasks look at it."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    def make(*, conf: dict[str, Any] | None = None, partition_key: str | None = None, **params: Any) -> dict[str, Any]:
        pushed: dict[str, Any] = {}
        ti = SimpleNamespace(
            dag_id="ig_loans",
            run_id="manual__1",
            task_id="load_model",
            try_number=1,
            log_url="https://airflow.example/team/dags/ig_loans/runs/manual__1/tasks/load_model?try_number=1",
            pushed=pushed,
            xcom_push=lambda key, value: pushed.update({key: value}),
        )
        return {
            "params": {"partition": None, "sample": None, "tolerance": None, "baseline": None, **params},
            "partition_key": partition_key,
            "dag_run": SimpleNamespace(conf=conf or {}, partition_key=partition_key),
            "outlet_events": OutletEventAccessors(),
            "ti": ti,
        }

    return make


@pytest.fixture
def reference() -> dict[str, Any]:
    """What the stage before returned, as Airflow hands it on."""
    digest = f"sha256:{'0' * 64}"
    model = {"uri": "s3://models/loans", "target": "refused", "space": "logit", "framework": "torch"}
    return {
        "version": 1,
        "name": "loans",
        "partition": "2013-10",
        "store": "/runs",
        "model": {**model, "digest": digest},
        "data": {
            "uri": "s3://data/loans",
            "digest": digest,
            "rows_available": 10,
            "rows_tried": 10,
            "rows_usable": 10,
        },
        "run_uri": "/runs/1",
    }


@pytest.fixture
def stages(
    monkeypatch: pytest.MonkeyPatch, reference: dict[str, Any]
) -> list[tuple[str, ExplanationSpec, dict[str, Any]]]:
    """A pipeline that only notes how its stages were called; set `stages.error` to have them raise."""

    class Calls(list[tuple[str, ExplanationSpec, dict[str, Any]]]):
        error: BaseException | None = None

    calls = Calls()

    def stage(name: str) -> Any:
        def run(spec: ExplanationSpec, ref: RunReference | None = None, *, log: Any, **rest: Any) -> RunReference:
            calls.append((name, spec, {"ref": ref, **rest}))
            log(f"{name}: half done\nand more")
            if calls.error is not None:
                raise calls.error
            return (ref or RunReference.of(reference)).with_(
                run_id="2013-10-0123456789ab",
                partition=spec.partition or "all",
                outcome=Outcome(
                    verdict="published" if spec.official else "ad-hoc",
                    leading=("Income", "age"),
                    report_uri="/runs/report.json",
                    page_uri="/runs/report.html",
                ),
                page_uri="/runs/report.html",
                official=spec.official,
                rows=RowCounts(read=10, explained=9, unconverged=0, quarantined=1),
                completeness=Completeness(max_relative_delta=0.01, mean_relative_delta=0.0, converged_fraction=1.0),
                warnings=(),
            )

        return run

    fake = ModuleType("ig_tasks.pipeline")
    for name in ("load_model", "build_baseline", "compute_attributions", "validate", "publish_report"):
        setattr(fake, name, stage(name))
    monkeypatch.setitem(sys.modules, "ig_tasks.pipeline", fake)
    import ig_tasks

    monkeypatch.setattr(ig_tasks, "pipeline", fake, raising=False)
    return calls


@pytest.fixture
def project() -> Path:
    return Path(__file__).resolve().parents[3]
