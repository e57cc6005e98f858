"""The DAGs under a real scheduler with LocalExecutor: triggered through the API, scheduled and backfilled.

Runs are started one at a time, since SQLite is under this Airflow.
"""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.scheduler, pytest.mark.slow]

TASKS = ["load_model", "build_baseline", "compute_attributions", "validate", "publish_report"]


@pytest.fixture(scope="module")
def scheduled(stage):
    """Unpausing starts the run of this month's first day, which is for the month before it."""
    stage.api.unpause("reader")
    stage.api.unpause("ig_monthly")
    (run,) = stage.wait_for_runs("ig_monthly", 1)
    return run


@pytest.fixture(scope="module")
def triggered(stage, scheduled):
    """A run that was asked for through the API, with its partition as the run's key."""
    return stage.wait("ig_monthly", stage.api.trigger("ig_monthly", partition_key="2013-01"))


def test_a_scheduled_run_is_for_the_month_before_it(stage, scheduled, last_month):
    assert (scheduled["run_type"], scheduled["state"]) == ("scheduled", "success")
    assert scheduled["partition_key"] == last_month
    assert stage.published("ig_monthly", scheduled)["partition"] == last_month


def test_a_triggered_run_publishes_the_report_of_its_partition(stage, triggered):
    run_id = triggered["dag_run_id"]
    assert triggered["run_type"] == "manual"
    assert stage.states("ig_monthly", run_id) == dict.fromkeys(TASKS, "success")
    report = stage.published("ig_monthly", triggered)
    assert (report["state"], report["partition"]) == ("published", "2013-01")
    assert report["data"]["rows_read"] == report["data"]["rows_explained"] + report["data"]["rows_quarantined"] == 60

    # Progress stands in the log of the task, in lines of its own.
    assert "60 of 60 rows" in stage.log_text("ig_monthly", run_id, "compute_attributions")


def test_the_asset_says_which_report_it_was_and_wakes_who_waits_for_it(stage, triggered):
    ref = stage.api.result("ig_monthly", triggered["dag_run_id"], "publish_report")
    # First the readers' ends: Airflow 3.3 answers 500 about events of which a run was created that has not begun.
    read = {}
    for run in stage.wait_for_runs("reader", 2):
        found = stage.api.result("reader", run["dag_run_id"], "read")
        read[found["partition_key"]] = found["extra"]["run_id"]
    assert read["2013-01"] == ref["run_id"]
    (event,) = stage.api.asset_events("ig_monthly", triggered["dag_run_id"])
    assert (event["name"], event["partition_key"]) == ("ig://monthly", "2013-01")
    assert {"run_id", "partition", "report_uri", "rows", "completeness", "warnings"} <= set(event["extra"])
    assert event["extra"]["report_uri"] == ref["report_uri"]


def test_a_backfill_makes_a_report_for_each_month(stage, triggered):
    stage.cli(
        "backfill", "create", "--dag-id", "ig_monthly", "--max-active-runs", "1",
        "--from-date", "2013-02-01", "--to-date", "2013-03-31",
    )  # fmt: skip
    runs = [run for run in stage.wait_for_runs("ig_monthly", 4) if run["run_type"] == "backfill"]
    assert {run["state"] for run in runs} == {"success"}
    found = {run["partition_key"]: stage.published("ig_monthly", run)["partition"] for run in runs}
    assert found == {"2013-02": "2013-02", "2013-03": "2013-03"}


def test_params_win_over_the_spec_and_the_same_work_is_done_once(stage):
    stage.api.unpause("ig_tiny")
    first = stage.api.trigger("ig_tiny", conf={"partition": "2013-01..2013-02", "sample": 20})
    assert stage.wait("ig_tiny", first)["state"] == "success"
    ref = stage.api.result("ig_tiny", first, "publish_report")
    assert stage.published("ig_tiny", {"dag_run_id": first})["data"]["rows_read"] == 20
    assert ref["partition"] == "2013-01..2013-02"
    (event,) = stage.api.asset_events("ig_tiny", first)
    assert event["partition_key"] == "2013-01..2013-02"

    again = stage.api.trigger("ig_tiny", conf={"partition": "2013-01..2013-02", "sample": 20})
    assert stage.wait("ig_tiny", again)["state"] == "success"
    assert stage.api.result("ig_tiny", again, "publish_report")["run_id"] == ref["run_id"]
    assert "nothing to do" in stage.log_text("ig_tiny", again, "compute_attributions")


def test_an_unknown_key_in_the_conf_fails_at_once_in_one_line(stage):
    stage.api.unpause("ig_tiny")
    run_id = stage.api.trigger("ig_tiny", conf={"model": "s3://elsewhere/model"})
    assert stage.wait("ig_tiny", run_id)["state"] == "failed"
    states = stage.states("ig_tiny", run_id)
    assert states == {"load_model": "failed", **dict.fromkeys(TASKS[1:], "upstream_failed")}
    (task,) = [task for task in stage.api.tasks("ig_tiny", run_id) if task["task_id"] == "load_model"]
    assert task["try_number"] == 1
    log = stage.log_text("ig_tiny", run_id, "load_model")
    assert "conf: model: no such key" in log
    assert "error_detail" not in log


@pytest.mark.parametrize(
    "conf", [{"sample": 0}, {"tolerance": 2}, {"baseline": "s3://elsewhere"}, {"partition": "../../etc"}]
)
def test_values_out_of_range_are_refused_by_the_api(stage, conf):
    from ig_tasks.orchestration.local import AirflowApiError

    with pytest.raises(AirflowApiError, match=f"Invalid input for param {next(iter(conf))}") as refused:
        stage.api.trigger("ig_tiny", conf=conf)
    assert refused.value.status == 400


def test_a_critical_check_that_fails_withholds_the_report_without_another_try(stage):
    stage.api.unpause("ig_wrong")
    run_id = stage.api.trigger("ig_wrong")
    assert stage.wait("ig_wrong", run_id)["state"] == "failed"
    states = stage.states("ig_wrong", run_id)
    assert states == {**dict.fromkeys(TASKS[:3], "success"), "validate": "failed", "publish_report": "upstream_failed"}
    (task,) = [task for task in stage.api.tasks("ig_wrong", run_id) if task["task_id"] == "validate"]
    assert task["try_number"] == 1
    assert "the report is withheld" in stage.log_text("ig_wrong", run_id, "validate")
    assert stage.api.asset_events("ig_wrong", run_id) == []
    assert not (stage.store / "wrong" / "latest.json").exists()


def test_a_broken_spec_stands_beside_the_good_ones_and_says_what_is_wrong(stage):
    dags = {dag["dag_id"]: {tag["name"] for tag in dag["tags"]} for dag in stage.api.get("/dags")["dags"]}
    assert {name for name, tags in dags.items() if "ig-tasks" in tags} == {
        "ig_tiny", "ig_monthly", "ig_wrong", "ig_broken",
    }  # fmt: skip
    assert "broken-spec" in dags["ig_broken"]
    assert stage.api.get("/importErrors")["import_errors"] == []
    stage.api.unpause("ig_broken")
    run_id = stage.api.trigger("ig_broken")
    assert stage.wait("ig_broken", run_id)["state"] == "failed"
    assert "broken.yaml: modle: no such key; did you mean 'model'?" in stage.log_text("ig_broken", run_id, "read_spec")
