"""docs/architecture.md: every name is where it says, and every recipe works, in a copy of the package."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import docs

DOCUMENT = docs.ROOT / "docs" / "architecture.md"
QUESTIONS = ("a shard's bytes", "a row's status", "a category become an id", "a check's severity", "a chart's colour")

# Uses all five recipes in one project: npz weights, an hour as a clock, the strategy, the check, the export.
SCRIPT = '''
import json, sys
from pathlib import Path

import numpy as np
import yaml

from ig_tasks import explain, load_model
from ig_tasks.reports.csv_export import importance_csv
from ig_tasks.spec import load_spec
from ig_tasks.store.report import Report
from support import tiny
from support.inline import all_stages, inline

root = Path(sys.argv[1])
path = tiny.write_project(root, rows=60, baseline="maximum", validation={"enough_rows": {"at_least": 1000}})
package = root / "include" / "models" / "tiny"
draw = np.random.default_rng(7)
weights = {"hidden.weight": draw.normal(size=(8, 3)), "hidden.bias": draw.normal(size=8),
           "out.weight": draw.normal(size=(1, 8)), "out.bias": draw.normal(size=1)}
np.savez(package / "weights.npz", **{name: array.astype(np.float32) for name, array in weights.items()})
(package / "weights.safetensors").unlink()
(package / "model.py").write_text("""
import torch


class Clock(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = torch.nn.Linear(3, 8), torch.nn.Linear(8, 1)

    def forward(self, numeric, hour):
        return self.out(torch.tanh(self.hidden(torch.cat([numeric, hour], dim=1))))


def build():
    return Clock()
""")
document = yaml.safe_load((package / "model.yaml").read_text())
document |= {"weights": "weights.npz", "arguments": {}}
document["inputs"] = {"numeric": {"columns": ["a"]}, "hour": {"columns": ["b"], "kind": "clock"}}
(package / "model.yaml").write_text(yaml.safe_dump(document))
with inline() as session:
    reference = all_stages(load_spec(path), session)
report = Report.from_json(Path(reference["report_uri"]).read_text())
table = tiny.table(60, 1)
loaded = load_model(str(package), trusted_root=root)
alone = explain(loaded, table, baseline="maximum", reference=table)
values = {value.feature: value.value for value in report.baseline.values}
both = [tiny.table(60, 1), tiny.table(30, 2)]
print(json.dumps({
    "baseline": report.baseline.strategy,
    "value": values["a"],
    "greatest": max(float(np.float32(one["a"].max())) for one in both),
    "features": sorted(row.feature for row in report.ranking()),
    "checks": {check.name: [check.success, check.observed, check.severity] for check in report.checks},
    "csv": importance_csv(report),
    "first": [report.ranking()[0].feature, report.ranking()[0].abs_mean],
    "hour": loaded.package.encode(table).inputs["hour"].tolist(),
    "hours": table["b"].tolist(),
    "delta": float(np.abs(alone.convergence_delta).max()),
    "status": sorted(set(alone.status.tolist())),
}))
'''


def test_every_name_is_where_the_document_says() -> None:
    text = docs.prose(DOCUMENT)
    files = set(re.findall(r"`(ig_tasks/[\w/]+\.py)`", text))
    assert len(files) > 25
    assert [file for file in sorted(files) if not (docs.ROOT / file).is_file()] == []
    named = re.findall(r"`([A-Za-z_]\w*(?:\.\w+)?)`(?: and `([A-Za-z_]\w*)`)? in\s+`(ig_tasks/[\w/]+\.py)`", text)
    rows = re.findall(r"\| [^|]*\| `(ig_tasks/[\w/]+\.py)` \| `([\w.]+)`", text)
    found = [(name, file) for one, two, file in named for name in (one, two) if name]
    found += [(name, file) for file, name in rows]
    assert len(found) > 25
    for name, file in found:
        source = (docs.ROOT / file).read_text(encoding="utf-8")
        for part in name.split("."):
            assert re.search(rf"^\s*(?:def|class) {part}\b|^(?:\w+, )*{part}\b.*=", source, re.MULTILINE), (name, file)


def test_every_function_in_a_diagram_exists() -> None:
    package = "\n".join(file.read_text(encoding="utf-8") for file in (docs.ROOT / "ig_tasks").rglob("*.py"))
    drawn = "\n".join(block.text for block in docs.blocks(DOCUMENT) if block.language == "mermaid")
    names = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", drawn))
    assert len(names) > 15
    assert [name for name in sorted(names) if not re.search(rf"(?:def|class) {name}\b", package)] == []


def test_what_a_stranger_looks_for_is_in_the_first_table() -> None:
    table = docs.prose(DOCUMENT).split("## Where is it?")[1].split("##")[0]
    for question in QUESTIONS:
        assert question in table or question.replace("become", "becomes") in table


def test_every_recipe_works(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(docs.ROOT / "ig_tasks", copy / "ig_tasks", ignore=shutil.ignore_patterns("__pycache__"))
    recipes = docs.blocks(DOCUMENT)
    for block in recipes:
        if block.language == "diff":
            apply(copy, block.text)
        elif block.language == "python":
            assert block.file is not None
            assert not (copy / block.file).exists()
            (copy / block.file).write_text(block.text, encoding="utf-8")
    assert sum(block.language in ("diff", "python") for block in recipes) == 7
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "project")],
        env={"PYTHONPATH": f"{copy}:{docs.ROOT / 'tests'}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    # The strategy: the greatest value of the column over all of the data.
    assert said["baseline"] == "maximum"
    assert said["value"] == pytest.approx(said["greatest"], rel=1e-6)
    # The kind: sine and cosine of the hour, one feature.
    assert said["features"] == ["a", "b"]
    for (sine, cosine), hour in zip(said["hour"], said["hours"], strict=True):
        assert sine == pytest.approx(math.sin(hour * math.pi / 12), abs=1e-6)
        assert cosine == pytest.approx(math.cos(hour * math.pi / 12), abs=1e-6)
    # The check: 90 rows are fewer than 1,000, which is a warning.
    assert said["checks"]["enough_rows"] == [False, 90, "warning"]
    assert all(success for name, (success, *_) in said["checks"].items() if name != "enough_rows")
    # The export: the ranking of the report, the most important first.
    header, first = said["csv"].splitlines()[:2]
    assert header.startswith("target,feature,rank,abs_mean")
    assert first.split(",")[1] == said["first"][0]
    assert float(first.split(",")[3]) == said["first"][1]
    # The loader: the model of the numpy archive is explained.
    assert said["status"] == ["converged"]
    assert said["delta"] < 0.05


def apply(root: Path, diff: str) -> None:
    """Apply a diff without line numbers: each hunk's old lines must be in the file, next to each other, once."""
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        path = root / name.strip()
        text = path.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@\n", body, flags=re.MULTILINE):
            lines = hunk.rstrip("\n").split("\n")
            old = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "-"))
            new = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "+", ""))
            assert text.count(old) == 1, f"{name}: {text.count(old)} places have\n{old}"
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
