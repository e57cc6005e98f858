"""From a task to its report: the button, and what the task hands on."""

import hashlib
import json
import logging
from types import SimpleNamespace

import pytest
from airflow.serialization.serialized_objects import DagSerialization

from ig_tasks.errors import ValidationFailedError
from ig_tasks.orchestration import ig_dag
from ig_tasks.orchestration.assets import event_extra
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.links import ReportLink, browser_address, browser_store
from ig_tasks.orchestration.operators import StageOperator

TI = SimpleNamespace(log_url="https://airflow.example/team/dags/ig_a/runs/manual__1%2B0/tasks/validate?try_number=2")


def address(page_uri, store_uri="/runs"):
    return ReportLink().get_link(SimpleNamespace(page_uri=page_uri, store_uri=store_uri), ti_key=TI)


def test_the_button_leads_to_the_page_where_the_store_is_served(monkeypatch):
    monkeypatch.setenv("IG_TASKS_STORE_URL", "https://reports.example/all/")
    page = "/loans/New%20York-0123456789ab/report.html"
    assert address(f"/runs{page}") == "https://reports.example/all/loans/New%2520York-0123456789ab/report.html"
    assert address(f"s3://bucket/runs{page}", "s3://bucket/runs/") == (
        "https://reports.example/all/loans/New%2520York-0123456789ab/report.html"
    )
    assert address("https://store.example/loans/report.html") == "https://store.example/loans/report.html"


@pytest.mark.parametrize("page", ["/runs/loans/report.html", "s3://bucket/loans/report.html", "/runs-2/report.html"])
def test_elsewhere_it_leads_to_the_tasks_results_where_the_address_stands(page, monkeypatch):
    """Airflow shows no link to a file or an object store; a path is taken below its own address."""
    monkeypatch.delenv("IG_TASKS_STORE_URL", raising=False)
    assert address(page) == "/team/dags/ig_a/runs/manual__1%2B0/tasks/validate/xcom"


@pytest.mark.parametrize("store", ["/stores/all", "s3://bucket/runs"])
def test_in_the_browsers_own_store_it_leads_to_that_revision_in_the_browser(monkeypatch, store):
    monkeypatch.delenv("IG_TASKS_STORE_URL", raising=False)
    monkeypatch.setenv("IG_TASKS_STORE", store)
    monkeypatch.setattr("ig_tasks.orchestration.links.conf", Conf(base_url="https://airflow.example/team/"))
    page = f"{store}/loans/New%20York-0123456789ab/report.r2.html"
    found = "https://airflow.example/team/ig/loans/New%2520York-0123456789ab?revision=2"
    assert address(page, f"{store}/") == found
    assert event_extra({"page_uri": page, "store": store})["address"] == found
    digest = hashlib.sha256(b"/elsewhere").hexdigest()[:12]
    other = f"https://airflow.example/team/ig/loans%40{digest}/r?revision=1"
    assert address("/elsewhere/loans/r/report.html", "/elsewhere/") == other
    # What the web shows already is read there.
    lies = "https://reports.example/runs/loans/r/report.html"
    assert address(lies, "https://reports.example/runs") == lies
    assert browser_address(f"{store}/loans/report.html", store) is None
    monkeypatch.setattr("ig_tasks.orchestration.links.conf", Conf(base_url=""))
    assert browser_address(page, store) is None


def test_without_the_variable_the_browser_shows_the_store_beside_the_dags(monkeypatch, tmp_path):
    monkeypatch.delenv("IG_TASKS_STORE", raising=False)
    monkeypatch.setattr("ig_tasks.orchestration.links.conf", Conf(dags_folder=str(tmp_path / "dags")))
    assert browser_store() == str(tmp_path / "ig_runs")


class Conf:
    """Airflow's configuration of one section."""

    def __init__(self, **options):
        self.options = options

    def get(self, section, option, fallback=""):
        return self.options.get(option, fallback)


def test_a_task_without_a_report_has_no_address():
    assert address(None) == ""


def test_both_tasks_that_write_reports_have_it_and_airflow_keeps_it(document):
    dag = ig_dag(document)
    kept = {task["__var"]["task_id"]: task["__var"].get("_operator_extra_links")
            for task in DagSerialization.to_dict(dag)["dag"]["tasks"]}  # fmt: skip
    linked = {"Report": "_link_ReportLink"}
    assert kept == {
        "load_model": None, "build_baseline": None, "compute_attributions": None,
        "validate": linked, "publish_report": linked, "register_reference": None,
    }  # fmt: skip


def test_the_provider_names_the_class():
    from importlib import import_module

    from ig_tasks.orchestration.provider_info import get_provider_info

    (found,) = get_provider_info()["extra-links"]
    module, _, name = found.rpartition(".")
    assert getattr(import_module(module), name) is ReportLink


def test_a_published_report_is_linked(document, task_context, stages, reference):
    task = ig_dag(document).get_task("publish_report")
    task.ref = {**reference, "store": "https://store.example"}
    task.render_template_fields({})
    context = task_context()
    type(task).execute.__wrapped__(task, context) if hasattr(type(task).execute, "__wrapped__") else task.execute(
        context
    )
    assert task.page_uri == "/runs/report.html"
    assert (
        ReportLink().get_link(task, ti_key=context["ti"]) == "/team/dags/ig_loans/runs/manual__1/tasks/load_model/xcom"
    )


def test_a_withheld_report_is_handed_on_although_the_task_fails(
    document, task_context, stages, reference, tmp_path, monkeypatch, caplog
):
    report = tmp_path / "loans" / "all-0" / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps(withheld()))
    stages.error = ValidationFailedError("critical check failed: parity; read it at here", str(report))
    monkeypatch.setattr(StageOperator, "log", logging.getLogger("test.task"), raising=False)
    task = ig_dag(document).get_task("validate")
    task.ref = {**reference, "store": str(tmp_path)}
    task.render_template_fields({})
    context = task_context()
    execute = getattr(type(task).execute, "__wrapped__", type(task).execute)
    with caplog.at_level(logging.INFO), pytest.raises(StoppedError):
        execute(task, context)
    page = str(report.with_suffix(".html"))
    assert context["ti"].pushed == {
        "report": {"verdict": "withheld", "leading": ["Income", "age", "rate"], "report_uri": str(report),
                   "page_uri": page},
    }  # fmt: skip
    assert task.page_uri == page
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors[0] == f"withheld, led by Income, age, rate; page {page}"


def withheld():
    statistics = {"target": "refused", "segment": None, "group": None, "rows": 1, "mean": 0.1, "std_dev": 0.0,
                  "median": 0.1, "mean_square": 0.01, "abs_mean_ci": [0.1, 0.1], "rank_ci": [1, 1]}  # fmt: skip
    names = ["rate", "income", "term", "age"]
    order = {"income": 1, "age": 2, "rate": 3, "term": 4}
    return {
        "schema_version": "1.0", "state": "withheld", "name": "loans", "run_id": "all-0", "revision": 1,
        "partition": "all", "created_at": "2026-01-01T00:00:00Z",
        "model": {"uri": "m", "framework": "torch", "digest": "d", "version": "1", "owner": "o"},
        "data": {"uri": "d", "digest": "d", "rows_available": 1, "rows_read": 1, "rows_explained": 1,
                 "rows_unconverged": 0, "rows_quarantined": 0, "quarantine_reasons": {}},
        "baseline": {"strategy": "auto", "digest": "d", "output": 0.0},
        "targets": [{"name": "refused", "space": "logit"}],
        "attribution": {"method": "integrated_gradients", "integrator": "auto", "tolerance": 0.01,
                        "evaluations_per_row": 5.0, "seed": 0},
        "completeness": {"max_relative_delta": 0.0, "mean_relative_delta": 0.0, "converged_fraction": 1.0},
        "importance": [{**statistics, "feature": name, "abs_mean": 1 / order[name], "rank": order[name]}
                       for name in names],
        "segments": [], "checks": [], "verdicts": [], "drift": None, "provenance": {}, "timing": {},
        "features": [{"name": "income", "kind": "number", "label": "Income"}],
    }  # fmt: skip
