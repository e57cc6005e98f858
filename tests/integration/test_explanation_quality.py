"""The block of a report that says how good its explanations are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.inline import all_stages, inline
from support.tiny import table, write_data, write_project

import ig_tasks
from ig_tasks import cli, pipeline
from ig_tasks.reports.rendering_key import rendering_key
from ig_tasks.spec import load_spec
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")

SECTION = {"rows": 60, "draws": 4}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explanations")
    data = {"uri": "../../data", "partition": "month", "id": "id", "cluster": "day"}
    spec = write_project(root, rows=60, explanation_quality=SECTION, data=data)
    frame = table(60, 1)
    write_data(root / "data", {"2013-01": frame.assign(day=[f"{row % 9}" for row in range(60)])})
    return spec


def run(spec: Path, **settings: Any) -> tuple[Report, list[str]]:
    lines: list[str] = []
    with inline() as session:
        ref = all_stages(load_spec(spec, settings={"partition": "2013-01", **settings}), session, lines)
    return Report.from_json(Path(ref["report_uri"]).read_bytes()), [str(line) for line in lines]


def test_the_figures_of_a_run_are_those_of_a_notebook(project: Path) -> None:
    report, _ = run(project)
    found = report.explanation_quality
    assert found is not None
    assert (found.target, found.rows, found.why_not, found.aside) == ("late", 60, "", {})
    frame = pd.read_parquet(project.parents[2] / "data" / "month=2013-01")
    root = project.parents[1]
    loaded = ig_tasks.load_model(root / "models" / "tiny", trusted_root=root)
    explanation = ig_tasks.explain(loaded, frame, baseline="auto", reference=frame)
    checks = ["infidelity", "sensitivity", "curves", "sparseness", "randomisation", "baselines"]
    own = explanation.quality(rows=60, draws=4, clusters=frame["day"], checks=checks)
    told = {(figure.measure, figure.of): figure for figure in found.figures}
    for figure in own.figures:
        if figure.measure == "baselines" and figure.of == "auto":
            continue  # the explanation's own
        same = told[figure.measure, figure.of]
        assert same.value == pytest.approx(figure.value, rel=1e-4, abs=1e-6), figure
        assert same.se == pytest.approx(figure.se, rel=1e-3, abs=1e-6), figure


def test_page_terminal_and_json_say_what_each_figure_means(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report, _ = run(project)
    (folder,) = (project.parents[2] / "runs" / "tiny").glob("2013-01-*")
    page = (folder / "report.html").read_text()
    assert '<h2 id="explanation-quality">How good the explanations are</h2>' in page
    assert "0: attributions foretell every change; 1: no better than foretelling none." in page
    assert cli._run(["show", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Quality of the explanations: Infidelity: " in shown
    body = json.loads((folder / "report.json").read_text())["explanation_quality"]
    measures = {figure["measure"] for figure in body["figures"]}
    assert {"infidelity", "max_sensitivity", "insertion", "deletion", "sparseness", "randomised"} <= measures
    assert report.explanation_quality is not None


def test_it_is_computed_once_and_off_unless_asked_for(project: Path) -> None:
    crossed = project.parents[2] / "runs" / "tiny" / "crossed"
    run(project)
    before = {file.name: file.stat().st_mtime_ns for file in crossed.iterdir()}
    report, _ = run(project, **{"validation.converged.at_least": 0.9})
    assert report.explanation_quality is not None
    assert {file.name: file.stat().st_mtime_ns for file in crossed.iterdir()} == before
    without, _ = run(project, explanation_quality=None)
    assert without.explanation_quality is None
    spec = load_spec(project, settings={"explanation_quality": None})
    assert rendering_key(spec, None) != rendering_key(load_spec(project), None)
    assert "explanation_quality" not in without.provenance["key_parts"]


def test_a_package_that_is_gone_is_said_and_the_report_is_there(project: Path, tmp_path: Path) -> None:
    spec = load_spec(project, settings={"partition": "2013-01", "store": str(tmp_path), "drift.keep_model_mb": 0})
    lines: list[str] = []
    with inline() as session:
        ref = pipeline.load_model(spec, session=session, log=lines.append)
        ref = pipeline.build_baseline(spec, ref, session=session, log=lines.append)
        ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
        weights = project.parents[1] / "models" / "tiny" / "weights.safetensors"
        content = weights.read_bytes()
        weights.unlink()
        try:
            ref = pipeline.validate(spec, ref, session=session, log=lines.append)
            ref = pipeline.publish_report(spec, ref, log=lines.append)
        finally:
            weights.write_bytes(content)
    report = Report.from_json(Path(ref["report_uri"]).read_bytes())
    assert report.explanation_quality is not None
    assert report.explanation_quality.figures == ()
    assert "weights" in report.explanation_quality.why_not
    assert "Nothing was measured" in Path(str(ref["page_uri"])).read_text()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"rows": 1}, "explanation_quality.rows: Input should be greater than or equal to 2"),
        ({"checks": ["infidelty"]}, "explanation_quality.checks"),
        ({"radius": 0}, "explanation_quality.radius"),
        ({"row": 5}, "explanation_quality.row: no such key; did you mean 'rows'?"),
    ],
)
def test_a_bad_section_is_one_line(project: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(ig_tasks.errors.SpecError) as refused:
        load_spec(project, settings={"explanation_quality": section})
    assert message.split(":")[0] in str(refused.value)
    assert "\n" not in str(refused.value)
