"""The DAGs under a real scheduler with LocalExecutor: triggered through the API, scheduled and backfilled.

Runs are started one at a time, since SQLite is under this Airflow.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from playwright.sync_api import expect
from support.accessibility import violations
from support.airflow_ui import airflow_ui
from support.sweeps import sized

pytestmark = [pytest.mark.scheduler, pytest.mark.slow]

TASKS = ["load_model", "build_baseline", "compute_attributions", "validate", "publish_report"]
REGISTER = "register_reference"


@pytest.fixture(scope="module")
def scheduled(stage):
    """Unpausing starts the run of this month's first day, which is for the month before it."""
    for dag_id in ("reader", "plain_reader", "ig_feature_validation", "ig_monthly"):
        stage.api.unpause(dag_id)
    (run,) = stage.wait_for_runs("ig_monthly", 1)
    return run


@pytest.fixture(scope="module")
def triggered(stage, scheduled):
    """A run that was asked for through the API, with its partition as the run's key."""
    conf = {"register_new_reference": True}
    return stage.wait("ig_monthly", stage.api.trigger("ig_monthly", partition_key="2013-01", conf=conf))


def test_a_scheduled_run_is_for_the_month_before_it(stage, scheduled, last_month):
    assert (scheduled["run_type"], scheduled["state"]) == ("scheduled", "success")
    assert scheduled["partition_key"] == last_month
    assert stage.published("ig_monthly", scheduled)["partition"] == last_month
    assert stage.states("ig_monthly", scheduled["dag_run_id"])[REGISTER] == "skipped"


def test_a_triggered_run_publishes_the_report_of_its_partition(stage, triggered):
    run_id = triggered["dag_run_id"]
    assert triggered["run_type"] == "manual"
    assert stage.states("ig_monthly", run_id) == dict.fromkeys([*TASKS, REGISTER], "success")
    launched = json.loads((stage.store / "monthly" / "launch.json").read_text())
    assert launched["run_id"] == stage.published("ig_monthly", triggered)["run_id"]
    report = stage.published("ig_monthly", triggered)
    assert (report["state"], report["partition"]) == ("published", "2013-01")
    assert report["data"]["rows_read"] == report["data"]["rows_explained"] + report["data"]["rows_quarantined"] == 60

    # Progress stands in the log of the task, in lines of its own.
    assert "60 of 60 rows" in stage.log_text("ig_monthly", run_id, "compute_attributions")


def test_from_a_task_to_its_report(stage, triggered):
    run_id = triggered["dag_run_id"]
    ref = stage.api.result("ig_monthly", run_id, "publish_report")
    assert Path(ref["page_uri"]).is_file()
    importance = json.loads(Path(ref["report_uri"]).read_text())["importance"]
    leading = [row["feature"] for row in sorted(importance, key=lambda row: row["rank"])][:3]
    assert (ref["verdict"], ref["leading"]) == ("published", leading)
    said = f"published, led by {', '.join(leading)}; page {ref['page_uri']}"
    assert said in stage.log_text("ig_monthly", run_id, "publish_report")
    address = f"{stage.airflow.url}/ig/monthly/{ref['run_id']}"
    assert f"read the report at {address}" in stage.log_text("ig_monthly", run_id, "publish_report")
    for task_id in ("validate", "publish_report"):
        # The revision that the task wrote, though a later one would be shown by itself.
        assert stage.link("ig_monthly", run_id, task_id).partition("?")[0] == address
        assert stage.api.result("ig_monthly", run_id, task_id)["page_uri"] == ref["page_uri"]


def test_the_log_of_a_task_holds_its_own_lines(stage, triggered):
    """Great Expectations alone would tell some 220."""
    for task_id in TASKS:
        records = stage.api.log("ig_monthly", triggered["dag_run_id"], task_id, 1)
        others = {str(record.get("logger")) for record in records if "logger" in record}
        assert not {name for name in others if name.split(".")[0] not in ("ig_tasks", "airflow", "task")}, task_id


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
    for key in ("report_uri", "page_uri", "verdict", "leading"):
        assert event["extra"][key] == ref[key]
    # Who waits for the Asset without its partitions is never started: `on_reports` is the way.
    assert stage.api.runs("plain_reader") == []


def test_feature_validation_waits_for_a_person_who_approves_or_rejects(stage, triggered, last_month):
    # Airflow starts a task anew that is answered before its scheduler has heard that it waits. This one waits longest.
    approved, rejected = stage.judged("2013-01"), stage.judged(last_month)
    stage.answer(rejected, "Reject")
    assert stage.wait("ig_feature_validation", rejected)["state"] == "failed"
    assert stage.api.asset_events("ig_feature_validation", rejected) == []

    stage.answer(approved, "Approve")
    assert stage.wait("ig_feature_validation", approved)["state"] == "success"
    (event,) = stage.api.asset_events("ig_feature_validation", approved)
    assert (event["name"], event["partition_key"]) == ("ig://monthly/validated", "2013-01")
    assert (event["extra"]["decision"], event["extra"]["by"]) == ("approved", "admin")
    report = stage.published("ig_monthly", triggered)
    assert event["extra"]["report_uri"].endswith(f"{report['run_id']}/report.json")
    assert report["state"] == "published"
    kept = json.loads((stage.store / "monthly" / report["run_id"] / "feature_validation.json").read_text())["answers"][
        -1
    ]
    assert (kept["approved"], kept["by"]) == (True, "admin")
    assert kept["findings"] == [one["why"] for one in report["verdicts"] if one["severity"] == "critical"]


def test_a_backfill_makes_a_report_for_each_month_with_the_params_of_the_command_line(stage, triggered):
    months = ["2013-02", *sized([], ["2013-03"])]
    stage.cli(
        "backfill", "create", "--dag-id", "ig_monthly", "--max-active-runs", "1",
        "--from-date", "2013-02-01", "--to-date", f"{months[-1]}-28", "--dag-run-conf", '{"sample": 20}',
    )  # fmt: skip
    runs = stage.wait_for_runs("ig_monthly", 2 + len(months))
    runs = [run for run in runs if run["run_type"] == "backfill"]
    assert {run["state"] for run in runs} == {"success"}
    reports = {run["partition_key"]: stage.published("ig_monthly", run) for run in runs}
    assert {key: report["partition"] for key, report in reports.items()} == {month: month for month in months}
    for run in runs:
        report = reports[run["partition_key"]]
        assert report["data"]["rows_read"] == 20
        assert [one["field"] for one in report["overrides"]] == ["data.sample"]
        assert stage.api.asset_events("ig_monthly", run["dag_run_id"]) == []


def test_params_win_over_the_spec_make_a_trial_and_the_same_work_is_done_once(stage):
    stage.api.unpause("ig_tiny")
    first = stage.api.trigger("ig_tiny", conf={"partition": "2013-01..2013-02", "sample": 20})
    assert stage.wait("ig_tiny", first)["state"] == "success"
    ref = stage.api.result("ig_tiny", first, "publish_report")
    report = stage.published("ig_tiny", {"dag_run_id": first})
    assert report["data"]["rows_read"] == 20
    assert report["overrides"] == [{"field": "data.sample", "spec": None, "run": 20}]
    assert (ref["partition"], ref["verdict"]) == ("2013-01..2013-02", "ad-hoc")
    assert stage.api.asset_events("ig_tiny", first) == []
    assert not (stage.store / "tiny" / "latest.json").exists()
    # The list of runs tells it apart from others.
    assert stage.api.run("ig_tiny", first)["note"] == "Partition 2013-01..2013-02"

    again = stage.api.trigger("ig_tiny", conf={"partition": "2013-01..2013-02", "sample": 20})
    assert stage.wait("ig_tiny", again)["state"] == "success"
    assert stage.api.result("ig_tiny", again, "publish_report")["run_id"] == ref["run_id"]
    assert "nothing to do" in stage.log_text("ig_tiny", again, "compute_attributions")


def test_rows_of_any_spec_are_explained_on_demand(stage):
    stage.api.unpause("ig_explain_on_demand")
    conf = {"spec": "asked", "partition": "2013-01", "rows": ["2013-01/17", "2013-01/3"], "tolerance": 0.001}
    run_id = stage.api.trigger("ig_explain_on_demand", conf=conf)
    assert stage.wait("ig_explain_on_demand", run_id)["state"] == "success"
    report = stage.published("ig_explain_on_demand", {"dag_run_id": run_id})
    assert sorted(row["row_id"] for row in report["examples"]) == conf["rows"]
    assert (report["data"]["rows_read"], report["name"]) == (2, "asked")
    assert {one["field"] for one in report["overrides"]} == {"data.rows", "attribution.tolerance"}
    assert stage.link("ig_explain_on_demand", run_id, "publish_report").startswith(f"{stage.airflow.url}/ig/asked/")
    assert not (stage.store / "asked" / "latest.json").exists()

    absent = stage.api.trigger("ig_explain_on_demand", conf={"spec": "asked", "rows": ["nobody"]})
    assert stage.wait("ig_explain_on_demand", absent)["state"] == "failed"
    assert "data.rows: 'nobody': no such row in these data" in stage.log_text(
        "ig_explain_on_demand", absent, "load_model"
    )


def test_an_unknown_key_in_the_conf_fails_at_once_in_one_line(stage):
    stage.api.unpause("ig_tiny")
    run_id = stage.api.trigger("ig_tiny", conf={"model": "s3://elsewhere/model"})
    assert stage.wait("ig_tiny", run_id)["state"] == "failed"
    states = stage.states("ig_tiny", run_id)
    assert states == {"load_model": "failed", **dict.fromkeys([*TASKS[1:], REGISTER], "upstream_failed")}
    (task,) = [task for task in stage.api.tasks("ig_tiny", run_id) if task["task_id"] == "load_model"]
    assert task["try_number"] == 1
    log = stage.log_text("ig_tiny", run_id, "load_model")
    assert "conf: model: no such key" in log
    assert "error_detail" not in log


@pytest.mark.parametrize(
    "conf", [{"sample": 0}, {"tolerance": 2}, {"baseline": "s3://elsewhere"}, {"partition": "../../etc"}]
)
def test_values_out_of_range_are_refused_by_the_api(stage, conf):
    from scripts.local_airflow import AirflowApiError

    with pytest.raises(AirflowApiError, match=f"Invalid input for param {next(iter(conf))}") as refused:
        stage.api.trigger("ig_tiny", conf=conf)
    assert refused.value.status == 400


def test_a_critical_check_that_fails_withholds_the_report_without_another_try(stage):
    stage.api.unpause("ig_wrong")
    run_id = stage.api.trigger("ig_wrong")
    assert stage.wait("ig_wrong", run_id)["state"] == "failed"
    states = stage.states("ig_wrong", run_id)
    after = dict.fromkeys(["publish_report", REGISTER], "upstream_failed")
    assert states == {**dict.fromkeys(TASKS[:3], "success"), "validate": "failed", **after}
    (task,) = [task for task in stage.api.tasks("ig_wrong", run_id) if task["task_id"] == "validate"]
    assert task["try_number"] == 1
    records = stage.api.log("ig_wrong", run_id, "validate", 1)
    errors = [str(record["event"]) for record in records if str(record.get("level")) == "error"]
    assert [line for line in errors if line.startswith("validate: parity FAILED (critical): ")]
    assert [line for line in errors if "the report is withheld" in line]
    handed = stage.api.get(f"/dags/ig_wrong/dagRuns/{run_id}/taskInstances/validate/xcomEntries/report")["value"]
    assert handed["verdict"] == "withheld"
    assert Path(handed["page_uri"]).is_file()
    # Its spec has a store of its own, which the address tells.
    link = stage.link("ig_wrong", run_id, "validate")
    assert link.startswith(f"{stage.airflow.url}/ig/wrong%40")
    with stage.reader() as reader:
        assert reader.get(link).status_code == 200
        assert reader.get("/ig/-/dags/ig_wrong").url.path == unquote(urlsplit(link).path).rpartition("/")[0]
        assert reader.get("/ig/wrong").status_code == 404
    assert stage.api.asset_events("ig_wrong", run_id) == []
    assert not (stage.project / "other_runs" / "wrong" / "latest.json").exists()

    # Where the run is not to fail by it, what follows is skipped, and the report is withheld all the same.
    run_id = stage.api.trigger("ig_wrong", conf={"fail_on_violation": False})
    assert stage.wait("ig_wrong", run_id)["state"] == "success"
    skipped = dict.fromkeys(["validate", "publish_report", REGISTER], "skipped")
    assert stage.states("ig_wrong", run_id) == {**dict.fromkeys(TASKS[:3], "success"), **skipped}
    assert not (stage.project / "other_runs" / "wrong" / "latest.json").exists()


def test_a_broken_spec_keeps_its_schedule_and_says_what_is_wrong_in_every_run(stage):
    dags = {dag["dag_id"]: dag for dag in stage.api.get("/dags")["dags"]}
    tags = {name: {tag["name"] for tag in dag["tags"]} for name, dag in dags.items()}
    assert {name for name, found in tags.items() if "ig-tasks" in found} == {
        "ig_tiny", "ig_asked", "ig_deferred", "ig_monthly", "ig_wrong", "ig_broken", "ig_feature_validation",
        "ig_explain_on_demand", "told",
    }  # fmt: skip
    assert tags["ig_broken"] == {"broken-spec", "ig-tasks", "live"}
    assert dags["ig_broken"]["owners"] == ["broken-owners"]
    stage.api.unpause("ig_broken")
    (run,) = stage.wait_for_runs("ig_broken", 1)
    assert (run["run_type"], run["state"]) == ("scheduled", "failed")
    line = "broken.yaml: modle: no such key; did you mean 'model'?"
    assert line in stage.log_text("ig_broken", run["dag_run_id"], "read_spec")
    (error,) = stage.api.get("/importErrors")["import_errors"]
    assert error["filename"] == "ig_broken_specs.py"
    assert line in error["stack_trace"]


def test_a_typo_in_a_live_spec_ends_neither_its_schedule_nor_that_of_the_others(stage, scheduled):
    """What was to be found out by a report that is not there is an import error and a tag, until it is mended."""
    path = stage.project / "include" / "specs" / "monthly.yaml"
    text = path.read_text()

    def is_broken():
        dag = stage.api.get("/dags/ig_monthly")
        return dag if "broken-spec" in {tag["name"] for tag in dag["tags"]} else None

    def errors():
        return "".join(error["stack_trace"] for error in stage.api.get("/importErrors")["import_errors"])

    before = stage.api.get("/dags/ig_monthly")
    path.write_text(text.replace("baseline:", "baseline: [", 1))
    stage.read_again()
    broken = stage.wait_for(is_broken)
    kept = ("timetable_summary", "timetable_description", "owners", "is_paused", "is_stale", "has_import_errors")
    assert {key: broken[key] for key in kept} == {key: before[key] for key in kept}
    assert before["timetable_summary"]
    assert broken["next_dagrun_run_after"] == before["next_dagrun_run_after"] is not None
    assert stage.wait_for(lambda: "monthly.yaml: is not valid YAML" in errors())
    assert stage.api.get("/dags/ig_tiny")["has_import_errors"] is False
    path.write_text(text)
    stage.read_again()
    assert stage.wait_for(lambda: not is_broken())
    assert stage.wait_for(lambda: "monthly.yaml" not in errors())


@pytest.fixture(scope="module")
def ui(stage, triggered):
    """A window in which a viewer has logged in: who may read, and no more."""
    with airflow_ui(stage.airflow.url) as opened:
        opened.log_in(*stage.viewer())
        yield opened


@pytest.mark.browser
def test_from_airflows_home_to_the_report_the_feature_and_the_row_in_clicks(stage, ui, triggered):
    report = stage.published("ig_monthly", triggered)
    ui.page.goto(f"{ui.url}/")
    ui.page.get_by_role("link", name="Feature importance").click()
    overview = ui.frame("/ig/")
    overview.locator('a[href="/ig/monthly"]').first.click()
    model = ui.frame("/ig/monthly")
    model.get_by_role("link", name="2013-01", exact=True).first.click()
    page = ui.frame("/ig/monthly/2013-01-")
    assert violations(page) == []
    page.get_by_text("Download", exact=True).click()
    with ui.page.expect_download() as started:
        page.get_by_role("link", name="Report as data (JSON)").click()
    assert json.loads(Path(started.value.path()).read_text())["run_id"] == report["run_id"]
    leading = report["importance"][0]["feature"]
    page.get_by_role("link", name=leading, exact=True).first.click()
    feature = ui.frame(f"/features/{leading}")
    feature.get_by_role("link", name="Rows", exact=True).first.click()
    rows = ui.frame("/rows")
    rows.get_by_role("link", name="2013-01/").first.click()
    row = ui.frame("/rows/2013-01~-")
    assert "converged" in row.locator("main").inner_text()
    assert (ui.heard, ui.elsewhere) == ([], [])


@pytest.mark.browser
def test_tabs_of_the_dag_the_run_and_the_task_show_the_report(stage, ui, triggered):
    run = f"{ui.url}/dags/ig_monthly/runs/{triggered['dag_run_id']}"
    ui.page.goto(f"{ui.url}/dags/ig_monthly")
    # The first of these links is in the navigation, which is there before the tabs are.
    ui.page.get_by_role("link", name="Feature importance").nth(1).click()
    ui.frame("/ig/monthly")
    ui.page.goto(run)
    ui.page.get_by_role("link", name="Feature importance").nth(1).click()
    ui.frame("/ig/monthly/2013-01-")
    ui.page.goto(f"{run}/tasks/validate")
    ui.page.get_by_role("link", name="Feature importance").nth(1).click()
    ui.frame("/ig/monthly/2013-01-")
    # The tab is there on other teams' DAGs too, and says so.
    ui.page.goto(f"{ui.url}/dags/reader")
    ui.page.get_by_role("link", name="Feature importance").nth(1).click()
    expect(ui.page.frame_locator("iframe").locator("main")).to_contain_text("This DAG publishes no feature importance.")
    assert (ui.heard, ui.elsewhere) == ([], [])


@pytest.mark.browser
def test_every_page_is_whole_and_open_to_everyone_at_every_width(stage, ui, triggered):
    report = stage.published("ig_monthly", triggered)
    run = f"/ig/monthly/{report['run_id']}"
    leading = report["importance"][0]["feature"]
    row_id = report["examples"][0]["row_id"].replace("/", "~-")
    for path in ("/ig/", "/ig/monthly", run, f"{run}/features/{leading}", f"{run}/rows", f"{run}/rows/{row_id}"):
        ui.look(path)
    itself = f"monthly/{report['run_id']}"
    ui.look(f"/ig/-/compare?before={itself}&after={itself}")
    ui.look("/ig/-/dags/reader")  # what stands in a tab where there is nothing to show
    assert (ui.heard, ui.elsewhere) == ([], [])


@pytest.mark.browser
def test_nobody_who_has_not_logged_in_sees_a_page(stage, triggered):
    report = stage.published("ig_monthly", triggered)
    with httpx.Client(base_url=stage.airflow.url, trust_env=False) as stranger:
        for path in ("/ig/", "/ig/monthly", f"/ig/monthly/{report['run_id']}", "/ig/-/static/ig.css"):
            answer = stranger.get(path)
            assert answer.status_code in (401, 403), path
            assert report["run_id"] not in answer.text.partition("next=")[0], path


def test_an_alarm_and_a_missed_deadline_are_told_with_the_reports_words_and_address(stage, triggered):
    stage.api.unpause("told")
    run_id = stage.api.trigger("told", conf={"partition": "2013-03"})
    assert stage.wait("told", run_id)["state"] == "success"
    report = stage.published("told", {"dag_run_id": run_id})
    alarms = [row for row in report["drift"]["features"] if row["alarm"]]
    assert "temp" in [row["feature"] for row in alarms]
    ((path, _), *_) = stage.wait_for(lambda: stage.chat.got)
    assert path == "/T0/B0/secret"

    ((title, *lines),) = (text.splitlines() for text in stage.wait_for(lambda: stage.chat.texts("*monthly")))
    assert title == "*monthly 2013-03: published*"
    assert {f"• {row['sentence']}" for row in alarms} <= set(lines)
    (features,) = [line for line in lines if line.startswith("Features: ")]
    assert {row["feature"] for row in alarms} <= set(features.removeprefix("Features: ").split(", "))
    leading = [row["feature"] for row in sorted(report["importance"], key=lambda row: row["rank"])]
    assert f"Led by {', '.join(leading)}" in lines
    (address,) = [line.removeprefix("Report: ") for line in lines if line.startswith("Report: ")]
    assert address.partition("?")[0] == f"{stage.airflow.url}/ig/monthly/{report['run_id']}"
    with stage.reader() as reader:
        answer = reader.get(address)
        assert answer.status_code == 200
        assert alarms[0]["sentence"].partition(",")[0] in answer.text

    (late,) = stage.wait_for(lambda: stage.chat.texts("*told"))
    title, why, run = late.splitlines()
    assert (title, run) == ("*told: no report in time*", f"Run: {run_id}")
    queued = stage.api.run("told", run_id)["queued_at"]
    assert why.startswith("Not done by ")
    due = datetime.fromisoformat(why.removeprefix("Not done by ").removesuffix("."))
    assert due - datetime.fromisoformat(queued) == timedelta(seconds=1)
