import json
import logging

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowSkipException

from ig_tasks.errors import DataError, SpecError, ValidationFailedError, WorkerLostError
from ig_tasks.lines import Line
from ig_tasks.orchestration import DaskHook, ig_dag, report_asset
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.operators import StageOperator
from ig_tasks.stages.run_reference import RunReference


@pytest.fixture
def task(document):
    """A task of the DAG, with its fields rendered and the reference that the stage before returned."""

    def make(name, *, ref=None, **changes):
        found = ig_dag({**document, **changes}).get_task(name)
        found.ref = ref
        found.render_template_fields({})
        return found

    return make


def run(task, context):
    """`execute` as it is written: Airflow's guard against calls from outside a task runner lies around it."""
    return (
        type(task).execute.__wrapped__(task, context)
        if hasattr(type(task).execute, "__wrapped__")
        else task.execute(context)
    )


@pytest.mark.parametrize("name", ["build_baseline", "compute_attributions", "validate", "publish_report"])
def test_each_task_calls_its_stage_with_the_reference_before_it(task, task_context, stages, reference, name):
    ref = run(task(name, ref=reference), task_context())
    assert [(call, arguments["ref"]) for call, _, arguments in stages] == [(name, RunReference.of(reference))]
    # What Airflow stores is plain JSON, of the version that the next task expects.
    assert json.loads(json.dumps(ref)) == ref
    assert (ref["version"], ref["run_uri"], ref["run_id"]) == (1, "/runs/1", "2013-10-0123456789ab")


def test_a_reference_of_the_version_before_is_read(task, task_context, stages, reference):
    del reference["version"]
    assert run(task("validate", ref=reference), task_context())["version"] == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, r"^ref\.version: it is 2, and .* reads 1; clear the DAG run from load_model on, or call"),
        ({"model": None}, r"^ref\.model: .*: clear the DAG run from load_model on, or call load_model again$"),
    ],
)
def test_a_reference_of_another_version_stops_the_task(task, task_context, stages, reference, changes, message):
    with pytest.raises(StoppedError, match=message):
        run(task("validate", ref={**reference, **changes}), task_context())
    assert stages == []


def test_the_first_task_has_no_reference_and_the_computing_one_says_who_runs_it(task, task_context, stages, reference):
    run(task("load_model"), task_context())
    run(task("compute_attributions", ref=reference), task_context())
    (_, _, first), (_, _, second) = stages
    assert first["ref"] is None
    assert (second["context"]["by"], second["context"]["run_id"]) == ("airflow", "manual__1")


def test_the_stage_gets_the_spec_of_this_run(task, task_context, stages):
    run(task("load_model"), task_context(partition_key="2013-10", sample=7))
    ((_, spec, _),) = stages
    assert (spec.partition, spec.data.sample, spec.name) == ("2013-10", 7, "loans")


def test_progress_is_in_the_tasks_log_a_line_each(task, task_context, stages, monkeypatch, caplog, reference):
    monkeypatch.setattr(StageOperator, "log", logging.getLogger("test.task"), raising=False)
    with caplog.at_level(logging.INFO):
        run(task("validate", ref=reference), task_context())
    assert [record.getMessage() for record in caplog.records] == ["validate: half done and more"]


def test_an_unknown_key_in_the_conf_stops_the_first_task(task, task_context, stages):
    with pytest.raises(StoppedError, match="conf: model: no such key"):
        run(task("load_model"), task_context(conf={"model": "s3://evil"}))
    assert stages == []


def test_a_mistake_stops_the_task(task, task_context, stages):
    stages.error = DataError("data: no column 'x'")
    with pytest.raises(StoppedError, match="data: no column 'x'"):
        run(task("load_model"), task_context())


def test_lost_workers_are_left_to_the_retry_policy(task, task_context, stages, reference):
    stages.error = WorkerLostError("gone")
    with pytest.raises(WorkerLostError):
        run(task("compute_attributions", ref=reference), task_context())


def test_a_spec_changed_during_the_run_is_refused(task, task_context, stages):
    ref = run(task("load_model"), task_context())
    run(
        task("build_baseline", ref=ref, report={"examples": 1}, validation={"quarantined": {"at_most": 0.5}}),
        task_context(),
    )
    with pytest.raises(
        StoppedError, match=r"^attribution: changed since this run began; clear the run from load_model on$"
    ):
        run(task("build_baseline", ref=ref, attribution={"seed": 3}), task_context())
    assert [name for name, _, _ in stages] == ["load_model", "build_baseline"]


def test_publishing_tells_the_asset_which_report_it_was(task, task_context, stages, reference):
    context = task_context(partition="2013-10")
    run(task("publish_report", ref=reference), context)
    event = context["outlet_events"][report_asset("loans")]
    assert event.extra == {
        "run_id": "2013-10-0123456789ab",
        "partition": "2013-10",
        "report_uri": "/runs/report.json",
        "page_uri": "/runs/report.html",
        "verdict": "published",
        "leading": ["Income", "age"],
        "rows": {"read": 10, "explained": 9, "unconverged": 0, "unverified": 0, "quarantined": 1},
        "completeness": {"max_relative_delta": 0.01, "mean_relative_delta": 0.0, "converged_fraction": 1.0},
        "warnings": [],
        "address": None,
    }
    assert event.partition_keys == {"2013-10"}


@pytest.mark.parametrize("params", [{"sample": 500}, {"tolerance": 0.02}, {"baseline": "zero"}])
def test_a_run_with_params_of_its_own_leaves_the_asset_alone(task, task_context, stages, params, reference):
    made = task("publish_report", ref=reference)
    assert [outlet.name for outlet in made.outlets] == ["ig://loans"]
    run(made, task_context(**params))
    ((_, spec, _),) = stages
    assert [one.run for one in spec.overrides] == list(params.values())
    # Airflow makes an event of each outlet that is left.
    assert made.outlets == []


@pytest.mark.parametrize("params", [{"tolerance": 0.01}, {"baseline": "median"}, {"partition": "2013-10"}])
def test_params_that_say_what_the_spec_says_make_an_official_run(task, task_context, stages, params, reference):
    made = task("publish_report", ref=reference)
    run(made, task_context(**params))
    assert stages[0][1].official
    assert len(made.outlets) == 1


def test_a_line_of_a_stage_has_its_own_level_in_the_tasks_log(task, monkeypatch, caplog, reference):
    monkeypatch.setattr(StageOperator, "log", logging.getLogger("test.task"), raising=False)
    made = task("validate", ref=reference)
    with caplog.at_level(logging.INFO):
        for line in ("fine", Line("converged FAILED (warning)", "warning"), Line("parity\nFAILED", "error")):
            made._say(line)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "fine"), ("WARNING", "converged FAILED (warning)"), ("ERROR", "parity FAILED"),
    ]  # fmt: skip


def test_a_connection_becomes_an_address_in_the_task(task, task_context, stages, monkeypatch, reference):
    connection = Connection(conn_id="cluster", conn_type="dask", host="dask-scheduler", port=8787)
    monkeypatch.setattr(DaskHook, "get_connection", classmethod(lambda cls, conn_id: connection))
    run(task("compute_attributions", ref=reference, compute={"connection": "cluster"}), task_context())
    ((_, spec, _),) = stages
    assert (spec.compute.address, spec.compute.connection) == ("tcp://dask-scheduler:8787", None)


def test_a_task_never_computes_in_its_own_process(task, task_context, stages, reference):
    run(task("compute_attributions", ref=reference, compute={"workers": 0}), task_context())
    ((_, spec, _),) = stages
    assert spec.compute.workers == 1


def test_a_connection_that_is_not_there_stops_the_task(task, task_context, stages, monkeypatch, reference):
    def absent(self):
        raise SpecError("compute.connection: there is no Airflow connection 'cluster'; add one of type dask")

    monkeypatch.setattr(DaskHook, "_connection", absent)
    with pytest.raises(StoppedError, match="there is no Airflow connection 'cluster'"):
        run(task("compute_attributions", ref=reference, compute={"connection": "cluster"}), task_context())


def test_a_task_that_is_told_to_stop_unwinds(task, reference):
    with pytest.raises(SystemExit):
        task("compute_attributions", ref=reference).on_kill()


def test_a_withheld_report_fails_the_run_unless_it_is_not_to(task, task_context, stages, reference):
    stages.error = ValidationFailedError("critical check failed: parity; the report is withheld")
    with pytest.raises(StoppedError, match="critical check failed: parity"):
        run(task("validate", ref=reference), task_context())
    with pytest.raises(AirflowSkipException, match=r"parity; .*; the run goes on, since its Param fail_on_violation"):
        run(task("validate", ref=reference), task_context(fail_on_violation=False))
    # A mistake is no violation.
    stages.error = DataError("data: no column 'x'")
    with pytest.raises(StoppedError, match="no column"):
        run(task("validate", ref=reference), task_context(fail_on_violation=False))


def test_a_run_that_cannot_become_the_reference_stops_before_anything_is_computed(task, task_context, stages):
    with pytest.raises(StoppedError, match="register_new_reference: the run is ad-hoc"):
        run(task("load_model"), task_context(tolerance=0.5, register_new_reference=True))
    assert stages == []
