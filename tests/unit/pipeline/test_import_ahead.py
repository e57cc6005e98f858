"""What the last stages import is imported while the first ones wait, and a failure there is no failure of the run."""

from __future__ import annotations

from typing import Any

import pytest

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.pipeline import import_ahead
from ig_tasks.spec import ComputeSpec


def test_a_module_that_cannot_be_imported_is_somebody_elses_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def broken() -> None:
        asked.append("library")
        raise ImportError("no such library")

    monkeypatch.setattr(import_ahead, "import_library", broken)
    monkeypatch.setattr(import_ahead, "begin_drawing", lambda: None)
    thread = import_ahead.import_ahead()
    thread.join()
    assert thread.daemon  # it keeps no run from ending
    assert asked == ["library"]


def test_it_begins_when_workers_are_there_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def start(self: ComputeSession) -> Any:
        calls.append("workers")
        return object()

    monkeypatch.setattr(ComputeSession, "_start", start)
    session = ComputeSession(ComputeSpec(workers=2), when_started=lambda: calls.append("imports"))
    first = session.client
    assert session.client is first
    assert calls == ["workers", "imports"]
