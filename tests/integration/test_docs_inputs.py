"""docs/bring_your_model/inputs.md: every part of a model.yaml is one, and its snippet runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support import docs

from ig_tasks.data.kinds import KINDS
from ig_tasks.models.config import ModelConfig

PAGE = docs.ROOT / "docs" / "bring_your_model" / "inputs.md"
BLOCKS = docs.blocks(PAGE)
WHOLE: dict[str, Any] = {
    "framework": "torch", "factory": "model:build", "weights": "w.safetensors", "targets": {"late": {}},
}  # fmt: skip


@pytest.mark.parametrize("block", [item for item in BLOCKS if item.language == "yaml"], ids=str)
def test_every_yaml_is_a_part_of_a_model_yaml(block: docs.Block) -> None:
    assert block.file == "model.yaml"
    document = yaml.safe_load(block.text)
    for described in document["inputs"].values():
        if isinstance(described.get("vocabulary"), str):
            described["vocabulary"] = ["AA", "UA"]
    ModelConfig.model_validate({**WHOLE, **document})


def test_the_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = [item for item in BLOCKS if item.language == "python"]
    exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})  # noqa: S102 - what is tested


def test_every_kind_is_described() -> None:
    text = PAGE.read_text()
    assert [kind for kind in KINDS if f"| `{kind}`" not in text] == []
