import pytest
from airflow.sdk.exceptions import AirflowSkipException

from ig_tasks.errors import ReportError
from ig_tasks.orchestration import ig_dag
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.launch_report import RegisterReferenceOperator
from ig_tasks.validation.drift import references


def run(task, context):
    method = type(task).execute
    return getattr(method, "__wrapped__", method)(task, context)


@pytest.fixture
def registered(monkeypatch):
    found = []
    monkeypatch.setattr(references, "register_launch", lambda uri, say: found.append(uri) or "/runs/loans/launch.json")
    return found


def test_the_task_of_a_spec_registers_its_report_only_where_the_run_asks_for_it(document, task_context, registered):
    task = ig_dag(document).get_task("register_reference")
    assert task.upstream_task_ids == {"publish_report"}
    task.ref = {"report_uri": "/runs/loans/all-0/report.json"}
    with pytest.raises(AirflowSkipException, match="register_new_reference is off"):
        run(task, task_context(register_new_reference=False))
    assert registered == []
    assert run(task, task_context(register_new_reference=True)) == "/runs/loans/launch.json"
    assert registered == ["/runs/loans/all-0/report.json"]


def test_in_a_dag_of_ones_own_it_always_does(task_context, registered):
    task = RegisterReferenceOperator(task_id="launch", ref={"report_uri": "/r/report.json"})
    run(task, task_context())
    assert registered == ["/r/report.json"]


@pytest.mark.parametrize("ref", [None, {}, {"report_uri": None}])
def test_without_a_report_it_says_what_is_missing(task_context, registered, ref):
    with pytest.raises(StoppedError, match=r"^ref\.report_uri: is missing; give what publish_report returned$"):
        run(RegisterReferenceOperator(task_id="launch", ref=ref), task_context())


def test_a_report_that_cannot_be_registered_stops_the_task_in_one_line(task_context, monkeypatch):
    def refuse(uri, say):
        raise ReportError(f"{uri}: its report is withheld; a launch needs a published report of the spec's own")

    monkeypatch.setattr(references, "register_launch", refuse)
    with pytest.raises(StoppedError, match="its report is withheld"):
        run(RegisterReferenceOperator(task_id="launch", ref={"report_uri": "/r/report.json"}), task_context())
