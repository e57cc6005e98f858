"""`ig-tasks check` looks once: one plan, one worker, for the trial, parity and the baseline doctor alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE
from support.tiny import write_project

from ig_tasks import cli
from ig_tasks.stages import planning

pytest.importorskip("torch")


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
    spec = write_project(
        tmp_path, rows=60, data=data, validation=parity, compute={"workers": 1, "worker_timeout": PATIENCE}
    )
    assert cli._run(["check", str(spec)]) == 0
    shown = capsys.readouterr()
    kinds = [line.split()[0] for line in shown.out.splitlines() if line]
    assert kinds[:8] == ["spec", "model", "target", "features", "data", "baseline", "rows", "parity"]
    assert any(line.startswith("judged    auto") for line in shown.out.splitlines())
    assert len(opened) == 1
    assert shown.err.count("started a worker process on this machine") == 1


def test_check_warns_of_a_sigmoid_that_is_declared_a_logit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    spec = write_project(tmp_path, rows=60)
    code = tmp_path / "include" / "models" / "tiny" / "model.py"
    behind = "return torch.nn.Sequential(self.out, torch.nn.Sigmoid())("
    code.write_text(code.read_text().replace("return self.out(", behind))
    for _ in range(2):  # the second time the trial is found
        assert cli._run(["check", str(spec)]) == 0
        shown = capsys.readouterr()
        (line,) = [line for line in shown.out.splitlines() if "WARNING" in line]
        assert line.startswith("target    WARNING: targets.late.space: model.yaml says logit, and all 32 outputs that ")
        assert "load_model: WARNING: targets.late.space: " in shown.err


def test_check_refuses_a_population_that_nobody_belongs_to(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    population = {"strategy": "reference_population", "space": "probability", "within": 1e-9}
    spec = write_project(tmp_path, rows=60, baseline={**population, "cutoff": 0.123456789})
    assert cli._run(["check", str(spec)]) == 2
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if "population" in line and "is empty" in line]
    assert line.startswith(
        "ig-tasks: baseline.within: the population is empty, its definition is: rows whose output (probability)"
    )
    assert "Traceback" not in shown.err
    spec = write_project(tmp_path, rows=60, baseline={**population, "cutoff": 0.4, "within": 0.5})
    assert cli._run(["check", str(spec)]) == 0
