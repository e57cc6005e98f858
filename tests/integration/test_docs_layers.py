"""docs/bring_your_model/layers.md: its snippets run in their order, and print what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import docs, programs, tiny

pytest.importorskip("torch")

PAGE = docs.ROOT / "docs" / "bring_your_model" / "layers.md"
BLOCKS = docs.blocks(PAGE)


def test_the_snippets_print_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    first, second, third = [block for block in BLOCKS if block.language == "python"]
    exec(compile(first.text, str(first), "exec"), names)  # noqa: S102 - what is tested
    printed = next(block for block in BLOCKS if block.language == "text")
    assert capsys.readouterr().out == printed.text
    exec(compile(second.text, str(second), "exec"), names)  # noqa: S102
    assert set(names["explanation"].status) == {"converged"}
    capsys.readouterr()
    exec(compile(third.text, str(third), "exec"), names)  # noqa: S102
    assert capsys.readouterr().out == [block for block in BLOCKS if block.language == "text"][-1].text
    of_codes = names["of_codes"]
    assert set(of_codes.status) == {"converged"}
    sums = of_codes.attributions["codes"].sum(axis=1)
    np.testing.assert_allclose(sums, of_codes.output - of_codes.baseline_output, atol=1e-4)


def test_the_command_says_what_the_page_says(tmp_path: Path) -> None:
    spec = tiny.write_project(tmp_path, rows=20, name="my_model", model="../models/my_model")
    spec = spec.rename(spec.with_name("my_model.yaml"))
    kind = {key: value for key, value in tiny.MODEL_YAML["inputs"]["kind"].items() if key != "layer"}
    tiny.write_package(tmp_path / "include" / "models" / "my_model", inputs={**tiny.MODEL_YAML["inputs"], "kind": kind})
    (block,) = [block for block in BLOCKS if block.language == "sh"]
    ((program, *arguments),) = block.commands()
    assert program == "ig-tasks"
    done = programs.ig_tasks(*arguments, cwd=tmp_path)
    said = [block.text for block in BLOCKS if block.language == "text"][1]
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"ig-tasks: {said.strip()}"


def test_links_lead_somewhere_and_lines_are_short() -> None:
    for target in docs.links(PAGE):
        assert (PAGE.parent / target.partition("#")[0]).exists(), target
    assert [line for line in docs.prose(PAGE).splitlines() if len(line) > 120 and not line.startswith("|")] == []


def test_entries_of_the_page_are_yaml() -> None:
    text = next(block for block in BLOCKS if block.language == "text").text
    assert yaml.safe_load(text[text.index("inputs:\n") :]) == {"inputs": {"carrier": {"layer": "embed_carrier"}}}
