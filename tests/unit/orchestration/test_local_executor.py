"""The executor whose tasks find imported what they need."""

import importlib
import sys

import pytest

pytest.importorskip("airflow.sdk")

from airflow.executors.local_executor import LocalExecutor

from ig_tasks.orchestration.local_executor import PreloadedLocalExecutor


@pytest.mark.parametrize("forks", [True, False])
def test_what_tasks_import_is_there_before_the_first_process_is_forked(monkeypatch, forks):
    happened: list[str] = []
    real = importlib.import_module

    def note(name, *rest):
        happened.append(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", note)
    monkeypatch.setattr(LocalExecutor, "start", lambda self: happened.append("fork"))
    executor = PreloadedLocalExecutor(parallelism=1)
    executor.is_mp_using_fork = forks
    executor.start()
    assert happened[-1] == "fork"
    assert ("ig_tasks.pipeline" in happened) is forks
    assert not forks or {"ig_tasks.pipeline", "great_expectations", "distributed", "altair"} <= sys.modules.keys()
    assert not {"torch", "tensorflow", "keras"} & set(happened)
