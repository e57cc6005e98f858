"""The note that tells runs apart whose partition a Param gave."""

from types import SimpleNamespace

import pytest

from ig_tasks.orchestration.notes import RunNotesPlugin


def started(**changes):
    """A run as the scheduler hands it to listeners, after it was told of its start."""
    given = {
        "conf": {"partition": "2013-01..2013-03"}, "partition_key": None, "note": None,
        "dag": SimpleNamespace(tags={"ig-tasks", "flights"}),
    }  # fmt: skip
    run = SimpleNamespace(**{**given, **changes})
    (listener,) = RunNotesPlugin.listeners
    listener.on_dag_run_running(dag_run=run, msg="started")
    return run.note


def test_a_partition_that_a_param_gave_is_noted():
    assert started() == "Partition 2013-01..2013-03"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"partition_key": "2013-01"}, None),
        ({"conf": {"sample": 5}}, None),
        ({"conf": None}, None),
        ({"note": "mine"}, "mine"),
        ({"dag": SimpleNamespace(tags={"etl"})}, None),
        ({"dag": None}, None),
    ],
)
def test_nothing_else_is(changes, note):
    assert started(**changes) == note


def test_the_file_in_the_plugins_folder_is_what_airflow_takes(project):
    import runpy

    found = runpy.run_path(str(project / "plugins" / "ig_tasks_run_notes.py"))
    assert found["RunNotesPlugin"] is RunNotesPlugin
