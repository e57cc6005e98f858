"""`ig-tasks check` looks once: one plan, one worker, for the trial, parity and the baseline doctor alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.tiny import write_project

from ig_tasks import cli
from ig_tasks.compute import planning

pytest.importorskip("torch")
pytestmark = pytest.mark.timeout(120)


def test_check_plans_once_and_starts_one_worker(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    open_package = planning.open_package

    def counted(uri: str, **options: Any) -> Any:
        opened.append(uri)
        return open_package(uri, **options)

    monkeypatch.setattr(planning, "open_package", counted)
    data = {"uri": "../../data", "partition": "month", "id": "id", "prediction": "a"}
    parity = {"parity": {"severity": "warning"}}
    spec = write_project(tmp_path, rows=60, data=data, validation=parity)
    assert cli._run(["check", str(spec)]) == 0
    shown = capsys.readouterr()
    kinds = [line.split()[0] for line in shown.out.splitlines() if line]
    assert kinds[:8] == ["spec", "model", "target", "features", "data", "baseline", "rows", "parity"]
    assert any(line.startswith("judged    auto") for line in shown.out.splitlines())
    assert len(opened) == 1
    assert shown.err.count("started 1 worker on this machine") == 1
