"""The layer doctor's table: names are shown as they are, and entries come ready to paste."""

from __future__ import annotations

import io

import yaml
from rich.console import Console

from ig_tasks.doctor.diagnosis import Candidate, Diagnosis, InputFinding, ZeroFeature
from ig_tasks.reports.layers import print_diagnosis

NUMBERS = InputFinding("num", (3,), "float32", differentiable=True)


def category(layer: str | None) -> InputFinding:
    return InputFinding(
        "cat",
        (),
        "int64",
        differentiable=False,
        why="integer ids, embedded by emb[red]",
        layer=layer,
        candidates=(Candidate("emb[red]", 5, 2),),
        proposed="emb[red]",
    )


def shown(diagnosis: Diagnosis, width: int = 120) -> str:
    out = io.StringIO()
    print_diagnosis(diagnosis, Console(file=out, width=width))
    return out.getvalue()


def test_nothing_but_the_table_where_nothing_is_to_be_said() -> None:
    text = shown(Diagnosis("torch", (NUMBERS, category("emb[red]"))))
    lines = text.strip().splitlines()
    assert len(lines) == 3
    assert lines[0].split() == ["input", "row", "dtype", "differentiable", "layer"]
    assert lines[1].split() == ["num", "3", "float32", "yes"]
    assert lines[2].endswith("emb[red] (5 x 2)")


def test_what_is_wrong_comes_with_yaml_that_is_not_broken() -> None:
    found = Diagnosis(
        "torch",
        (NUMBERS, category(None)),
        dependent=(("emb[red]", "outer"),),
        zero=(ZeroFeature("num[1]", "no output depends on it"),),
        notes=("a note",),
    )
    text = shown(found, width=40)
    assert "layers emb[red] and outer depend on each other: name one of them\n" in text
    assert "no attribution  num[1]: no output depends on it\n" in text
    assert "note  a note\n" in text
    assert "wrong  inputs.cat.layer: is missing; integer ids, embedded by emb[red]\n" in text
    pasted = text.split("write into model.yaml:\n")[1]
    assert yaml.safe_load(pasted) == {"inputs": {"cat": {"layer": "emb[red]"}}}


def test_control_characters_are_shown_not_obeyed() -> None:
    nasty = InputFinding("a\x1b[2J", (1,), "float32", differentiable=True)
    assert "\x1b" not in shown(Diagnosis("torch", (nasty,)))
