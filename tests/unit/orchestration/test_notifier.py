import json
from types import SimpleNamespace

import pytest
from airflow.sdk import Connection
from support.judged_report import DRIFT, VERDICT, judged_report, write_report
from support.webhook import listening

from ig_tasks.errors import RunError, SpecError
from ig_tasks.orchestration import FeatureReportNotifier, ig_feature_validation_dag
from ig_tasks.orchestration import notifier as module
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.notification import notification_fields

SECRET = "T000/B000/hunter2Qx9"


@pytest.fixture
def report_uri(tmp_path):
    return write_report(tmp_path / "runs", judged_report(drift="warning", verdicts="warning"))


@pytest.fixture
def context(task_context, report_uri):
    """Of a task whose run has published the report."""
    made = task_context(partition_key="2013-10")
    made["dag_run"].dag_id = "ig_loans"
    results = {("publish_report", "return_value"): {"report_uri": report_uri}}
    made["ti"].xcom_pull = lambda task_ids, key: results.get((task_ids, key))
    return made


@pytest.fixture
def sent(monkeypatch):
    """What a mail server and a webhook would get."""
    found = SimpleNamespace(mails=[], posts=[])

    class Hook:
        def __init__(self, smtp_conn_id):
            self.conn_id = smtp_conn_id

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def send_email_smtp(self, **mail):
            found.mails.append((self.conn_id, mail))

    monkeypatch.setattr("airflow.providers.smtp.hooks.smtp.SmtpHook", Hook)
    monkeypatch.setattr(
        FeatureReportNotifier, "_post", lambda self, conn_id: found.posts.append((conn_id, self.webhook))
    )
    return found


def test_both_name_the_features_the_state_the_causes_and_the_report(context, sent, report_uri):
    report = judged_report()
    labels = [report.label(row.feature) for row in report.ranking()[:3]]
    page = report_uri.replace(".json", ".html")
    FeatureReportNotifier(email_to="ada@example.org", webhook_conn_id="slack")(context)
    ((conn_id, mail),) = sent.mails
    assert (conn_id, mail["to"], mail["subject"]) == ("smtp_default", ["ada@example.org"], "loans 2013-10: published")
    for text in (f"<b>{labels[1]}, {labels[2]}</b>", f"<li>{DRIFT}</li>", f"<li>{VERDICT}</li>", page,
                 f"Led by {', '.join(labels)}", context["ti"].log_url):  # fmt: skip
        assert text in mail["html_content"]
    ((conn_id, text),) = sent.posts
    assert conn_id == "slack"
    assert text.splitlines() == [
        "*loans 2013-10: published*",
        f"Features: {labels[1]}, {labels[2]}",
        f"• {DRIFT}",
        f"• {VERDICT}",
        f"Led by {', '.join(labels)}",
        f"Report: {page}",
        f"Run: {context['ti'].log_url}",
    ]


def test_a_page_that_is_served_is_a_link(context, sent, report_uri, monkeypatch, tmp_path):
    monkeypatch.setenv("IG_TASKS_STORE_URL", "https://reports.example")
    FeatureReportNotifier(email_to="ada@example.org")(context)
    assert 'href="https://reports.example/loans/2013-10-1/report.html"' in sent.mails[0][1]["html_content"]


def test_a_withheld_report_says_so_with_the_line_of_the_failure(context, sent, tmp_path):
    uri = write_report(tmp_path / "withheld", judged_report(drift="critical", state="withheld"))
    pushed = {("load_model", "report"): {"report_uri": uri}}
    context["ti"].xcom_pull = lambda task_ids, key: pushed.get((task_ids, key))
    context["exception"] = StoppedError("critical check failed: drift", 1)
    FeatureReportNotifier(webhook_conn_id="slack")(context)
    assert sent.posts[0][1].splitlines()[:2] == ["*loans 2013-10: withheld*", "critical check failed: drift"]
    assert f"• {DRIFT}" in sent.posts[0][1]


def test_without_a_report_the_run_and_its_failure_are_told(context, sent):
    context["ti"].xcom_pull = lambda **_: None
    context["exception"] = StoppedError("data: no column 'x'", 2)
    FeatureReportNotifier(webhook_conn_id="slack")(context)
    assert sent.posts[0][1].splitlines() == [
        "*loans 2013-10: failed*", "data: no column 'x'", f"Run: {context['ti'].log_url}",
    ]  # fmt: skip


def test_a_report_that_is_gone_is_said_and_the_rest_is_told(context, sent):
    context["ti"].xcom_pull = lambda **_: {"report_uri": "/no/such/report.json"}
    FeatureReportNotifier(webhook_conn_id="slack")(context)
    assert "• The report cannot be read: /no/such/report.json" in sent.posts[0][1]


def test_a_deadline_names_the_run_that_is_late(sent):
    # As Airflow's scheduler hands it over: the run as its API tells it.
    run = {"dag_id": "ig_loans", "dag_run_id": "scheduled__1", "partition_key": "2013-10", "state": "running"}
    context = {"dag_run": run, "deadline": {"id": "1", "deadline_time": "2013-11-05T00:00:00Z"}}
    FeatureReportNotifier(webhook_conn_id="slack")(context)
    assert sent.posts[0][1].splitlines() == [
        "*loans 2013-10: no report in time*", "Not done by 2013-11-05T00:00:00Z.", "Run: scheduled__1",
    ]  # fmt: skip


def test_a_run_without_a_partition_is_told_by_its_name_alone(sent):
    context = {
        "dag_run": {"dag_id": "ig_loans", "dag_run_id": "manual__1"},
        "deadline": {"deadline_time": "2013-11-05"},
    }
    FeatureReportNotifier(webhook_conn_id="slack", email_to="a@b.c")(context)
    assert sent.posts[0][1].startswith("*loans: no report in time*\n")
    assert sent.mails[0][1]["subject"] == "loans: no report in time"
    assert sent.mails[0][1]["html_content"].startswith("<h2>loans: no report in time</h2>")


def test_it_is_the_callback_of_a_deadline(document, sent):
    from datetime import timedelta

    from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback
    from airflow.sdk.execution_time.callback_supervisor import execute_callback
    from airflow.serialization.serialized_objects import DagSerialization

    from ig_tasks.orchestration import ig_dag

    late = SyncCallback(FeatureReportNotifier, {"webhook_conn_id": "slack"})
    alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(days=2), late)
    json.dumps(DagSerialization.to_dict(ig_dag(document, deadline=alert)))
    context = {"dag_run": {"dag_id": "ig_loans", "run_id": "1"}, "deadline": {"deadline_time": "2013-11-05"}}
    silent = SimpleNamespace(debug=lambda *_, **__: None, info=lambda *_, **__: None, exception=lambda *_, **__: None)
    done, error = execute_callback(late.path, {**late.kwargs, "context": context}, "dag.py", None, silent)
    assert (done, error) == (True, None)
    assert "no report in time" in sent.posts[0][1]


def test_a_task_that_waits_for_a_person_says_so(tmp_path, document, context, sent, report_uri, monkeypatch):
    from airflow.providers.standard.operators import hitl
    from airflow.sdk.exceptions import TaskAwaitingInput

    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **_: None)
    (tmp_path / "loans.yaml").write_text(json.dumps({**document, "approval": "warning"}))
    tell = FeatureReportNotifier(webhook_conn_id="slack")
    dag = ig_feature_validation_dag(tmp_path, notifiers=[tell])
    report = {"name": "loans", "partition": "2013-10", "report_uri": report_uri}
    task = dag.get_task("validate_report").unmap({"report": report})
    context |= {"task": task, "task_instance": SimpleNamespace(id="1")}
    execute = type(task).execute
    with pytest.raises(TaskAwaitingInput):
        getattr(execute, "__wrapped__", execute)(task, context)
    assert sent.posts[0][1].startswith("*loans 2013-10: waits for a person*")


def test_it_stands_in_a_dag_without_making_a_new_version_of_each_parse(tmp_path, document):
    from airflow.serialization.serialized_objects import DagSerialization

    (tmp_path / "loans.yaml").write_text(json.dumps(document))

    def parsed():
        tell = FeatureReportNotifier(webhook_conn_id="slack")
        return ig_feature_validation_dag(tmp_path, notifiers=[tell], default_args={"on_failure_callback": tell})

    first, second = (json.dumps(DagSerialization.to_dict(parsed()), sort_keys=True) for _ in range(2))
    assert first == second
    assert " at 0x" not in first


def test_names_of_features_are_text_everywhere(context, sent, tmp_path):
    report = judged_report(drift="warning")
    evil = "<script>x</script> & {{ 1/0 }}\n*bold*"
    alarm = report.drift.features[0].model_copy(update={"sentence": evil})
    drift = report.drift.model_copy(update={"features": (alarm,)})
    uri = write_report(tmp_path / "evil", report.model_copy(update={"drift": drift}))
    context["ti"].xcom_pull = lambda **_: {"report_uri": uri}
    FeatureReportNotifier(email_to="a@b.c", webhook_conn_id="slack")(context)
    assert "<li>&lt;script&gt;x&lt;/script&gt; &amp; {{ 1/0 }} *bold*</li>" in sent.mails[0][1]["html_content"]
    assert "• &lt;script&gt;x&lt;/script&gt; &amp; {{ 1/0 }} *bold*\n" in sent.posts[0][1]


def test_one_notifier_tells_of_every_run_and_of_the_tasks_it_is_for(context, sent, tmp_path):
    tell = FeatureReportNotifier(webhook_conn_id="slack", only="publish_report")
    tell(context)
    assert sent.posts == []  # the task is load_model
    context["ti"].task_id = "publish_report"
    tell(context)
    uri = write_report(tmp_path / "later", judged_report(partition="2013-11", run_id="2013-11-1"))
    context["ti"].xcom_pull = lambda **_: {"report_uri": uri}
    tell(context)
    assert [text.splitlines()[0] for _, text in sent.posts] == [
        "*loans 2013-10: published*", "*loans 2013-11: published*",
    ]  # fmt: skip


def test_templates_of_ones_own(context, sent, report_uri):
    FeatureReportNotifier(
        email_to="{{ dag_run.dag_id }}@example.org", report=report_uri, subject="{{ feature_report.state }}\n!",
        mail="{{ feature_report.features | length }}",
    )(context)  # fmt: skip
    ((_, mail),) = sent.mails
    assert (mail["to"], mail["subject"], mail["html_content"]) == (["ig_loans@example.org"], "published !", "2")


def test_a_notifier_that_would_tell_nobody_is_refused_where_it_is_written():
    with pytest.raises(SpecError, match="nobody would be told; give email_to or webhook_conn_id"):
        FeatureReportNotifier()


@pytest.fixture
def server():
    """A webhook that takes the first message only; its path is the secret."""
    with listening(lambda count: 200 if count == 1 else 404) as hook:
        yield hook


def test_the_webhook_is_told_and_no_secret_is_in_logs_or_errors(context, server, monkeypatch, caplog):
    def connect(host):
        made = Connection(conn_id="slack", conn_type="http", host=host, password=SECRET)
        monkeypatch.setattr(module.BaseHook, "get_connection", classmethod(lambda cls, conn_id: made))

    connect(f"{server.url}/services")
    tell = FeatureReportNotifier(webhook_conn_id="slack")
    with caplog.at_level("DEBUG"):
        tell(context)
        ((path, body),) = server.got
        assert path == f"/services/{SECRET}"
        assert body["text"].startswith("*loans 2013-10: published*")
        with pytest.raises(RunError, match=r"^connection 'slack': the webhook was not told; it answered 404$"):
            tell(context)
        connect("http://127.0.0.1:9")
        with pytest.raises(RunError, match=r"it cannot be reached \(ConnectionRefusedError\)") as refused:
            tell(context)
        connect("")
        with pytest.raises(RunError, match="its host is no address of the web"):
            tell(context)
    assert "hunter2" not in caplog.text + str(refused.value) + repr(tell)
    assert refused.value.__cause__ is None


def test_what_there_is_to_tell_outside_a_task_is_the_run(task_context):
    context = task_context()
    del context["ti"].log_url
    told = notification_fields(context, None)
    assert (told["name"], told["state"], told["run"]) == ("loans", "ended", "manual__1")
