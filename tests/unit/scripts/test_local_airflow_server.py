import json
import subprocess
import sys
import textwrap

import psutil
import pytest
from support.patience import until

from ig_tasks.errors import RunError
from scripts.local_airflow import server
from scripts.local_airflow.home import AirflowHome
from scripts.local_airflow.server import LocalAirflow, end_leftovers, running

# A parent that ignores a polite signal, with a child in a process group of its own, as Airflow's tasks are.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(6000)"], process_group=0)
print("ready", flush=True)
time.sleep(6000)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_GRACE", 0.3)
    monkeypatch.setattr(AirflowHome, "prepare", lambda self, say: self.logs.mkdir(parents=True, exist_ok=True))
    (tmp_path / "dags").mkdir()
    found = AirflowHome.of_project(tmp_path)
    found.path.mkdir()
    found.passwords.write_text('{"admin": "x"}')
    return found


@pytest.fixture
def family():
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 1
    yield process, children[0]
    process.kill()
    process.wait()
    process.stdout.close()
    if children[0].is_running():
        children[0].kill()


def write_state(home, process, created):
    (home.path / "server.json").write_text(json.dumps({"port": 1, "processes": {"scheduler": [process.pid, created]}}))


def test_what_was_left_behind_is_ended_with_its_children(home, family):
    process, child = family
    write_state(home, process, psutil.Process(process.pid).create_time())
    end_leftovers(home)
    assert process.poll() is not None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_only_has_the_number_is_left_alone(home, family):
    process, child = family
    write_state(home, process, psutil.Process(process.pid).create_time() - 100)
    end_leftovers(home)
    assert process.poll() is None
    assert child.is_running()


def test_nothing_is_running_where_nothing_answers(home):
    assert running(home) is None
    write_state(home, subprocess.Popen(["true"]), 0.0)
    assert running(home) is None


def test_a_process_that_ends_at_once_is_named_with_its_log(home, monkeypatch):
    monkeypatch.setattr(server, "airflow_command", lambda *arguments: [sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(RunError, match=r"airflow [a-z-]+ ended with 3; see .*\.log"), LocalAirflow(home):
        pass
    assert not (home.path / "server.json").exists()


def test_all_are_ended_when_starting_fails(home, monkeypatch):
    monkeypatch.setattr(server, "airflow_command", lambda *arguments: [sys.executable, "-c", STUBBORN])
    airflow = LocalAirflow(home, triggerer=False)
    with pytest.raises(RunError, match="airflow is not healthy"):
        airflow.start(timeout=2.0)
    started = [process.pid for process in airflow._processes.values()]
    family = [child for pid in started for child in psutil.Process(pid).children(recursive=True)]
    airflow.stop()
    assert len(started) == 3
    assert not any(psutil.pid_exists(pid) for pid in started)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in family)


def test_the_processes_end_when_their_parent_is_killed(home, tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from scripts.local_airflow import server
        from scripts.local_airflow.home import AirflowHome
        server.airflow_command = lambda *arguments: [sys.executable, "-c", "import time; time.sleep(6000)"]
        AirflowHome.prepare = lambda self, say: self.logs.mkdir(parents=True, exist_ok=True)
        airflow = server.LocalAirflow(AirflowHome.of_project(Path(sys.argv[1])), triggerer=False)
        def wait(deadline):
            print(*[process.pid for process in airflow._processes.values()], flush=True)
            time.sleep(6000)
        airflow._wait_until_healthy = wait
        airflow.start()
        """
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not any(map(_is_alive, pids)), "the processes to end")


def _is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
