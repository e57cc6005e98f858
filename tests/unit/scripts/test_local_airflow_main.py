from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from ig_tasks.errors import RunError
from scripts.local_airflow import __main__ as command
from scripts.local_airflow.follow import RunOutcome


class FakeAirflow:
    """Notes what was asked of it; runs end as `outcomes` says."""

    is_ours = True

    def __init__(self):
        self.asked = []
        self.unfinished = 0
        self.outcomes = {}
        self.api = SimpleNamespace(
            ensure_pools_of=lambda dag_id: self.asked.append(("pools", dag_id)),
            end_unfinished=lambda dag_id: self.unfinished,
            unpause=lambda dag_id: self.asked.append(("unpause", dag_id)),
            trigger=lambda dag_id, conf: self.asked.append(("trigger", dag_id, conf)),
        )

    def wait_for_dag(self, dag_id):
        if dag_id == "ig_absent":
            raise RunError("ig_absent: Airflow found no such DAG")


@pytest.fixture
def airflow(monkeypatch):
    fake = FakeAirflow()

    @contextmanager
    def started(home):
        yield fake

    def follow(api, dag_id, run_id, **rest):
        error = fake.outcomes.get(dag_id, "")
        ref = {} if error else {"page_uri": f"/runs/{dag_id}.html"}
        return RunOutcome(dag_id, "r", "failed" if error else "success", 1.0, ref, error)

    monkeypatch.setattr(command, "_airflow", started)
    monkeypatch.setattr(command, "follow_run", follow)
    monkeypatch.setattr(command.signal, "signal", lambda *arguments: None)
    return fake


def test_dags_run_one_after_the_other_and_their_pages_are_on_standard_output(airflow, capsys, tmp_path):
    assert command.main(["--project", str(tmp_path), "run", "ig_a", "ig_b", "--partition", "2013-10"]) == 0
    assert capsys.readouterr().out.splitlines() == ["/runs/ig_a.html", "/runs/ig_b.html"]
    assert airflow.asked == [
        (what, dag_id, *conf)
        for dag_id in ("ig_a", "ig_b")
        for what, *conf in (("pools",), ("unpause",), ("trigger", {"partition": "2013-10"}))
    ]


def test_a_run_that_fails_does_not_keep_the_next_from_running(airflow, capsys):
    airflow.outcomes["ig_a"] = "validate: critical check failed (log: /logs/x)"
    assert command.main(["run", "ig_a", "ig_b"]) == 3
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["/runs/ig_b.html"]
    assert "ig_a: validate: critical check failed (log: /logs/x)" in shown.err


def test_a_run_that_was_stopped_half_way_does_not_stand_in_the_way(airflow, capsys):
    airflow.unfinished = 1
    assert command.main(["run", "ig_a"]) == 0
    assert "an earlier run was stopped half-way" in capsys.readouterr().err


def test_what_goes_wrong_is_one_line(airflow, capsys):
    assert command.main(["run", "ig_absent"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("ig_absent: Airflow found no such DAG")


def test_a_port_that_is_taken_is_not_fought_for(capsys):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert command._port(taken) != taken
    assert f"port {taken} is taken" in capsys.readouterr().err
