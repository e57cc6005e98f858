"""When compute_attributions waits in the triggerer, and how it goes on."""

import sys

import pytest
from airflow.sdk.exceptions import TaskDeferred

from ig_tasks.cluster.session import ADDRESS_VARIABLE
from ig_tasks.errors import WorkerLostError
from ig_tasks.orchestration import ig_dag
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.trigger import ShardsTrigger
from ig_tasks.stages.deferred_job import Submitted

SUBMITTED = Submitted("tcp://dask:8786", "ig-tasks-1", "explain-1", "/runs/1", shards=3, workers=2, began=1e9)
SCHEDULER = {"address": "tcp://dask:8786", "resources": {"GPU": 1}, "worker_timeout": 7}


@pytest.fixture
def calls(stages, monkeypatch):
    """A pipeline that submits, and notes what is withdrawn; set `calls.left` to what is submitted."""

    class Calls(list):
        left = SUBMITTED

    made = Calls()
    pipeline = sys.modules["ig_tasks.pipeline"]

    def submit(spec, *, ref, log, **arguments):
        made.append(("submit", arguments))
        return made.left

    monkeypatch.setattr(pipeline, "submit_attributions", submit, raising=False)
    monkeypatch.setattr(
        pipeline, "withdraw_attributions", lambda spec, ref, log: made.append(("withdraw", {})), raising=False
    )
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)
    return made


@pytest.fixture
def task(document, reference):
    def make(**compute):
        found = ig_dag({**document, "compute": compute}).get_task("compute_attributions")
        found.ref = reference
        found.render_template_fields({})
        return found

    return make


def execute(task, context):
    return type(task).execute.__wrapped__(task, context)


def test_it_submits_and_waits_where_the_spec_says_so(task, task_context, calls, stages):
    with pytest.raises(TaskDeferred) as deferred:
        execute(task(**SCHEDULER, deferrable=True), task_context())
    trigger = deferred.value.trigger
    path, arguments = trigger.serialize()
    assert path == f"{ShardsTrigger.__module__}.ShardsTrigger"
    assert arguments == {
        "submitted": SUBMITTED.to_json(),
        "connection": None,
        "resources": {"GPU": 1},
        "patience": 7,
        "poll_interval": 5.0,
        "shard_timeout": "auto",
    }
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.kwargs == {"submitted": SUBMITTED.to_json(), "losses": 0}
    assert (calls, stages) == ([("submit", calls[0][1])], [])


def test_where_nothing_is_left_it_does_not_wait(task, task_context, calls, stages):
    calls.left = None
    execute(task(**SCHEDULER, deferrable=True), task_context())
    assert [name for name, _, _ in stages] == ["compute_attributions"]


def test_without_a_scheduler_that_outlives_the_task_it_is_refused(task, task_context, calls):
    with pytest.raises(
        StoppedError, match=r"^compute\.deferrable: workers that a task starts end with it; name an exist"
    ):
        execute(task(deferrable=True), task_context())
    assert calls == []


@pytest.mark.parametrize(
    ("default", "compute", "argument", "defers"),
    [
        ("True", SCHEDULER, None, True),
        ("True", {}, None, False),  # a deployment's default does not break who has no scheduler
        ("True", {**SCHEDULER, "deferrable": False}, None, False),
        ("True", SCHEDULER, False, False),
        ("False", SCHEDULER, None, False),
        ("False", {**SCHEDULER, "deferrable": False}, True, True),
    ],
)
def test_the_argument_wins_over_the_spec_and_the_spec_over_airflows_default(
    task, task_context, calls, monkeypatch, default, compute, argument, defers
):
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", default)
    one = task(**compute)
    one.deferrable = argument
    try:
        execute(one, task_context())
    except TaskDeferred:
        assert defers
    else:
        assert not defers


def test_what_was_lost_is_submitted_again_and_then_left_to_airflow(task, task_context, calls):
    lost = {"status": "lost", "shards": [], "why": "no scheduler answers"}
    one = task(**SCHEDULER, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        one.execute_complete(task_context(), event=lost, submitted=SUBMITTED.to_json(), losses=0)
    assert deferred.value.kwargs["losses"] == 1
    assert calls[-1] == ("submit", {**calls[-1][1], "earlier": SUBMITTED})
    with pytest.raises(WorkerLostError, match="no scheduler answers, 3 times"):
        one.execute_complete(task_context(), event=lost, submitted=SUBMITTED.to_json(), losses=2)
    assert calls[-1][0] == "withdraw"


def test_finished_shards_are_brought_together_and_nothing_is_left_behind(task, task_context, calls, stages):
    finished = {"status": "finished", "shards": [], "why": ""}
    one = task(**SCHEDULER, deferrable=True)
    ref = one.execute_complete(task_context(), event=finished, submitted=SUBMITTED.to_json(), losses=0)
    ((name, _, arguments),) = stages
    assert (name, arguments["submitted"]) == ("compute_attributions", SUBMITTED)
    assert ref["run_id"] == "2013-10-0123456789ab"
    assert calls == [("withdraw", {})]


def test_a_trigger_that_failed_or_ran_out_of_time_leaves_nothing_at_work(task, task_context, calls):
    with pytest.raises(Exception, match="Trigger timeout"):
        task(**SCHEDULER).resume_execution("__fail__", {"error": "Trigger timeout"}, task_context())
    assert calls == [("withdraw", {})]
