import json
from types import SimpleNamespace

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.serialization.serialized_objects import DagSerialization
from support.judged_report import DRIFT, judged_report, write_report

from ig_tasks.orchestration import ig_feature_validation_dag, report_asset, validated_asset
from ig_tasks.orchestration.failures import StoppedError


def execute(task, context, *more, method="execute"):
    """A method as it is written: Airflow's guard against calls from outside a task runner lies around it."""
    found = getattr(type(task), method)
    return getattr(found, "__wrapped__", found)(task, context, *more)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def make_dag(tmp_path, document, store):
    def make(**sections):
        specs = tmp_path / "specs"
        specs.mkdir(exist_ok=True)
        for name in ("loans", "other"):
            (specs / f"{name}.yaml").write_text(json.dumps({**document, "name": name, "store": str(store), **sections}))
        return ig_feature_validation_dag(specs)

    return make


@pytest.fixture
def asked(monkeypatch):
    """What a person would be shown; stands for Airflow's supervisor."""
    found = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **request: found.append(request))
    return found


@pytest.fixture
def judge(make_dag, store, task_context):
    """The second task for a report in the store, with its context."""

    def make(report, **sections):
        uri = write_report(store, report)
        mapped = make_dag(**sections).get_task("validate_report")
        task = mapped.unmap({"report": {"name": "loans", "partition": report.partition, "report_uri": uri}})
        context = task_context()
        context["task_instance"] = SimpleNamespace(id="1")
        return task, context

    return make


def test_a_run_for_each_report_of_every_spec(make_dag):
    dag = make_dag()
    assert (dag.dag_id, dag.tags) == ("ig_feature_validation", {"ig-tasks"})
    assert set(dag.timetable.asset_condition.objects) == {report_asset("loans"), report_asset("other")}
    assert dag.get_task("validate_report").upstream_task_ids == {"read_reports"}
    assert dag.params["spec"] == "loans"
    assert list(dag.params.get_param("spec").schema["enum"]) == ["loans", "other"]
    first, second = (json.dumps(DagSerialization.to_dict(make_dag()), sort_keys=True) for _ in range(2))
    assert first == second
    assert " at 0x" not in first


def test_a_folder_without_a_spec_that_loads_has_no_such_dag(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [")
    assert ig_feature_validation_dag(tmp_path) is None


def test_its_reports_are_those_of_the_events_each_once(make_dag, task_context):
    def event(uri):
        return SimpleNamespace(extra={"report_uri": uri, "partition": "2013-10", "rows": {}})

    events = {report_asset("loans"): [event("/a"), event("/b"), event("/a")], report_asset("other"): [event("/c")]}
    context = {**task_context(), "triggering_asset_events": events}
    found = execute(make_dag().get_task("read_reports"), context)
    assert [(one["name"], one["report_uri"]) for one in found] == [("loans", "/a"), ("loans", "/b"), ("other", "/c")]
    assert found[0] == {"name": "loans", "partition": "2013-10", "report_uri": "/a"}


def test_triggered_by_hand_it_is_the_one_that_the_form_names(make_dag, task_context, store):
    uri = write_report(store, judged_report(run_id="2013-10-1"))
    (store / "loans" / "latest.json").write_text(json.dumps({"report": uri, "run_id": "2013-10-1"}))
    task = make_dag().get_task("read_reports")
    for params in ({}, {"partition": "2013-10"}):
        (found,) = execute(task, task_context(spec="loans", **params))
        assert found == {"name": "loans", "partition": "2013-10", "report_uri": uri}
    with pytest.raises(StoppedError, match=r"no report of partition '2012-01' is published"):
        execute(task, task_context(spec="loans", partition="2012-01"))
    with pytest.raises(StoppedError, match=r"^conf: spec: 'loan' is not a spec here; did you mean 'loans'"):
        execute(task, task_context(spec="loan"))


@pytest.mark.parametrize(("found", "decision"), [({}, "pass"), ({"drift": "warning"}, "warn")])
def test_a_report_passes_and_updates_its_own_asset(judge, found, decision):
    task, context = judge(judged_report(**found))
    told = execute(task, context)
    assert (told["decision"], told["partition"]) == (decision, "2013-10")
    assert task.outlets == [validated_asset("loans")]
    event = context["outlet_events"][validated_asset("loans")]
    assert event.extra["page_uri"].endswith("/loans/2013-10-1/report.html")
    assert event.partition_keys == {"2013-10"}


def test_a_critical_finding_fails_in_one_line_where_nobody_is_asked(judge, asked):
    task, context = judge(judged_report(drift="critical"))
    with pytest.raises(StoppedError) as stopped:
        execute(task, context)
    assert str(stopped.value).startswith(f"loans 2013-10 may not pass: {DRIFT}")
    assert stopped.value.code == 1
    assert asked == []


ASKED = {"approval": {"severity": "critical", "users": ["ada", "eve"], "days": 2}}
ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {},
    "responded_at": SimpleNamespace(isoformat=lambda: "2026-03-02T06:00:00+00:00"),
    "responded_by_user": {"id": "1", "name": "Ada"},
}


def test_a_person_is_asked_where_the_spec_says_so(judge, asked):
    task, context = judge(judged_report(drift="critical"), **ASKED)
    with pytest.raises(TaskAwaitingInput):
        execute(task, context)
    (request,) = asked
    second = judged_report().label(judged_report().ranking()[1].feature)
    assert request["subject"] == f"May loans 2013-10 pass? Found: {second}"
    assert request["options"] == ["Approve", "Reject"]
    assert [user["id"] for user in request["assigned_users"]] == ["ada", "eve"]
    assert "Departure delay lost half of its importance" in request["body"]
    assert "report\\.html" in request["body"]
    assert task.response_timeout.total_seconds() == 2 * 24 * 3600


def test_an_approval_is_kept_and_never_asked_for_again(judge, asked, store):
    task, context = judge(judged_report(drift="critical"), **ASKED)
    told = execute(task, context, ANSWER, method="execute_complete")
    assert (told["decision"], told["by"]) == ("approved", "Ada")
    assert context["outlet_events"][validated_asset("loans")].extra["decision"] == "approved"
    (kept,) = json.loads((store / "loans/2013-10-1/feature_validation.json").read_text())["answers"]
    assert (kept["approved"], kept["by"], kept["findings"]) == (True, "Ada", [DRIFT])

    again, context = judge(judged_report(drift="critical"), **ASKED)
    assert execute(again, context)["decision"] == "approved"
    assert asked == []


def test_a_rejection_fails_and_a_task_that_is_cleared_asks_again(judge, asked, store):
    task, context = judge(judged_report(drift="critical"), **ASKED)
    with pytest.raises(StoppedError) as stopped:
        execute(task, context, {**ANSWER, "chosen_options": ["Reject"]}, method="execute_complete")
    line = str(stopped.value)
    assert line.startswith("loans 2013-10: rejected by Ada on 20")
    assert line.endswith("; its report: " + str(store / "loans/2013-10-1/report.json"))
    assert "withheld" not in line
    again, context = judge(judged_report(drift="critical"), **ASKED)
    with pytest.raises(TaskAwaitingInput):
        execute(again, context)
    assert len(asked) == 1
    assert execute(again, context, ANSWER, method="execute_complete")["decision"] == "approved"
    answers = json.loads((store / "loans/2013-10-1/feature_validation.json").read_text())["answers"]
    assert [answer["approved"] for answer in answers] == [False, True]


def test_no_answer_in_time_fails_in_one_line(judge, store):
    task, context = judge(judged_report(drift="critical"), **ASKED)
    with pytest.raises(StoppedError, match=r"^loans 2013-10: nobody answered in time; its report: /"):
        execute(task, context, {"error": "x", "error_type": "timeout"}, method="execute_complete")
    assert not (store / "loans/2013-10-1/feature_validation.json").exists()


def test_names_in_findings_are_text(judge, asked):
    evil = "<img src=x> [click](http://x)"
    report = judged_report(drift="critical")
    alarm = report.drift.features[0].model_copy(update={"sentence": evil})
    task, context = judge(report.model_copy(update={"drift": report.drift.model_copy(update={"features": (alarm,)})}),
                          **ASKED)  # fmt: skip
    with pytest.raises(TaskAwaitingInput):
        execute(task, context)
    assert "<img" not in asked[0]["body"]
    assert "[click]" not in asked[0]["body"]
