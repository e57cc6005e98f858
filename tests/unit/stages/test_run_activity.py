"""Two that compute one run at the same moment are told of each other."""

import subprocess
import sys

import pytest
from support.patience import PATIENCE
from support.together import TESTS

from ig_tasks.stages.run_activity import computing
from ig_tasks.store import Folder

OTHER = """
import sys
from ig_tasks.stages.run_activity import computing
from ig_tasks.store import Folder
with computing(Folder(sys.argv[1]), "run x", {"by": "command line"}):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder(tmp_path):
    return Folder(str(tmp_path))


@pytest.fixture
def other(folder):
    """A process that computes the run until it is told to go on."""
    command = [sys.executable, "-c", OTHER, folder.uri]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_the_second_one_is_told_who_the_first_is(folder, other):
    with computing(folder, "run x", {}) as said:
        (line,) = said
    assert line.startswith(f"process {other.pid} (command line) has been computing run x since 20")
    assert line.endswith("end this one to save the work, and run again when the other is done")


def test_one_that_is_done_is_not_spoken_of(folder, other):
    other.communicate("go\n", timeout=PATIENCE)
    with computing(folder, "run x", {}) as said:
        assert said == []
    assert folder.names("running") == []


def test_one_that_was_killed_is_not_spoken_of_and_its_note_is_removed(folder, other):
    other.kill()
    other.wait(timeout=PATIENCE)
    assert len(folder.names("running")) == 1
    with computing(folder, "run x", {}) as said:
        assert said == []
        assert len(folder.names("running")) == 1
    assert folder.names("running") == []


def test_one_on_another_machine_may_be_at_work_or_not(folder):
    note = {
        "host": "far-away",
        "pid": 7,
        "process_started": 0.0,
        "started_at": "2026-11-22T17:40:12+00:00",
        "by": "airflow",
    }
    folder.write_json("running/a.json", note)
    with computing(folder, "run x", {}) as said:
        (line,) = said
    assert line == (
        "process 7 (airflow) on far-away began to compute run x at 2026-11-22T17:40:12+00:00 and has not noted that it "
        "ended; if it is still at work, this one does the same work beside it, with the same result"
    )
    assert folder.names("running") == ["a.json"]


def test_the_note_goes_when_the_work_breaks(folder):
    with pytest.raises(ZeroDivisionError), computing(folder, "run x", {}):
        raise ZeroDivisionError
    assert folder.names("running") == []
