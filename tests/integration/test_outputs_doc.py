"""docs/bring_your_model/outputs.md: its snippets in their order, in a project like its reader's."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.special import expit
from support import docs, tiny
from support.programs import run_block

from ig_tasks.models import open_package
from ig_tasks.models.config import TargetConfig

pytestmark = pytest.mark.slow

DOCUMENT = docs.ROOT / "docs" / "bring_your_model" / "outputs.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = tiny.write_package(tmp_path / "include" / "models" / "my_model")
    tiny.write_data(tmp_path / "data", {"2013-01": tiny.table(200, 1)})
    rows = tiny.table(2000, 5)
    loaded = open_package(model, trusted_root=tmp_path).load()
    chance = expit(loaded.output(loaded.package.encode(rows).inputs, "late"))
    rows.assign(late=np.random.default_rng(3).random(len(rows)) < chance).to_parquet(tmp_path / "calibration.parquet")
    spec = {
        "version": 1,
        "name": "my_model",
        "model": {"uri": "../models/my_model"},
        "data": {"uri": "../../data", "partition": "month", "id": "id"},
        "compute": {"workers": 0},
    }
    path = tmp_path / "include" / "specs" / "my_model.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(spec))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def merge(path: Path, text: str) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **yaml.safe_load(text)}, sort_keys=False))


def test_the_snippets_run_in_their_order(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    ran = []
    for block in docs.blocks(DOCUMENT):
        ran.append(block.language)
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - what is tested
        elif block.directive == "model.yaml":
            merge(project / "include/models/my_model/model.yaml", block.text)
        elif block.directive == "spec":
            shutil.copytree(project / "include/models/my_model", project / "include/serving/my_model")
            merge(project / "include/specs/my_model.yaml", block.text)
        elif block.language == "yaml":
            for target in yaml.safe_load(block.text)["targets"].values():
                TargetConfig.model_validate(target)
        else:
            done = run_block(block)
            assert done.returncode == 0, done.stderr
            assert "parity    the served model agrees" in done.stdout
            assert "isotonic regression: piecewise linear" in done.stdout
            assert "a decision falls at 0.4" in done.stdout
    assert ran.count("python") == 2
    assert "isotonic regression: piecewise linear, through" in capsys.readouterr().out


def test_links_lead_somewhere_and_lines_are_short() -> None:
    for target in docs.links(DOCUMENT):
        assert (DOCUMENT.parent / target.partition("#")[0]).exists(), target
    long = [line for line in docs.prose(DOCUMENT).splitlines() if len(line) > 120 and not line.startswith("|")]
    assert long == []
