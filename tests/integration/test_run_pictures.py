"""Pictures of a finished run: of the rows as they are stored, by id and by place; and what a notebook shows first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from support import tiny
from support.inline import all_stages, inline
from support.undrawn import charts_undrawn

import ig_tasks
from ig_tasks.errors import InputError
from ig_tasks.explanations import stored_pictures
from ig_tasks.spec import load_spec

EVIL = "<script>alert(1)</script>\x00\ud800"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("project")
    path = tiny.write_project(root, features={"a": {"label": "Delay at <origin>"}})
    with inline() as session, charts_undrawn():
        for partition in ("2013-01", "2013-02"):
            all_stages(load_spec(path, settings={"partition": partition}), session)
    return root


@pytest.fixture(scope="module")
def runs(project: Path) -> dict[str, Any]:
    folders = [path.parent for path in (project / "runs" / "tiny").rglob("manifest.json")]
    opened = [ig_tasks.open_run(str(folder), trusted_root=project) for folder in folders]
    return {run.manifest["partition"]: run for run in opened}


@pytest.fixture(scope="module")
def stored(runs: dict[str, Any]) -> pd.DataFrame:
    files = sorted((Path(runs["2013-01"].folder.uri) / "attributions").glob("*.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files]).reset_index(drop=True)


def test_a_row_by_its_id_and_by_its_place(runs: dict[str, Any], stored: pd.DataFrame) -> None:
    run, row = runs["2013-01"], stored.iloc[150]
    chart = run.waterfall(row["row_id"])
    assert chart.table[-1]["to"] == pytest.approx(row["output"], abs=1e-5)
    parts = {step["step"].split(" = ")[0]: step["attribution"] for step in chart.table}
    assert parts["Delay at <origin>"] == pytest.approx(row["attribution:a"])
    assert run.waterfall(150).table == chart.table
    assert run.force(-150).table == run.force(stored.iloc[len(stored) - 150]["row_id"]).table
    assert len(run.decision([0, row["row_id"]]).table) == 2
    with pytest.raises(InputError, match="row_id 'nobody' is not a row of this run"):
        run.waterfall("nobody")
    with pytest.raises(InputError, match="row: 300 is not there; the run has 300 explained rows"):
        run.waterfall(300)


def test_pictures_of_all_rows_are_of_the_stored_rows(runs: dict[str, Any], stored: pd.DataFrame) -> None:
    run = runs["2013-01"]
    assert_allclose(sorted(row["b"] for row in run.heatmap().table), np.sort(stored["attribution:b"]))
    kinds = {row["label"].split(" ")[0]: row["mean"] for row in run.dependence("kind").table}
    assert kinds == pytest.approx(stored.groupby("input:kind")["attribution:kind"].mean().to_dict())
    assert run.dependence("Delay at <origin>").table == run.dependence("a").table
    ranking = run.report.ranking()
    bars = run.bar().table
    assert [(row["abs_mean"], row["low"], row["high"]) for row in bars] == [
        (row.abs_mean, *row.abs_mean_ci) for row in ranking
    ]


def test_of_many_rows_some_are_read_and_a_note_says_so(
    runs: dict[str, Any], stored: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_pictures, "_ROWS", 60)
    chart = runs["2013-01"].decision()
    assert [row["row"] for row in chart.table] == stored["row_id"].tolist()[::5]
    assert chart.notes == ("60 of 300 rows, spread evenly over all.",)


def test_a_row_s_path_is_that_of_the_row_computed_anew(runs: dict[str, Any], stored: pd.DataFrame) -> None:
    row = stored.iloc[7]
    points = runs["2013-01"].path(row["row_id"]).table
    assert points[0]["output"] == pytest.approx(row["baseline_output"], abs=1e-5)
    assert points[-1]["output"] == pytest.approx(row["output"], abs=1e-5)
    assert runs["2013-01"].explain(row["row_id"]).asked is not None


def test_what_a_notebook_shows_first(runs: dict[str, Any], project: Path) -> None:
    run = runs["2013-01"]
    with charts_undrawn():
        html = run._repr_html_()
        assert "tiny, 2013-01" in html
        assert "300 of 300 rows explained" in html
        assert "<origin>" not in html
        explained = run.explain(run.row(run.report.examples[0].row_id)["row_id"])._repr_html_()
        assert "Explanation of 1 row" in explained
        assert "All converged to 1.0 %" in explained
        model = ig_tasks.load_model(str(project / "include" / "models" / "tiny"), trusted_root=project)
        shown = model._repr_html_()
        for text in ("Tiny 1.2", "to be small", "numeric", "a, b", "embed_kind", "late"):
            assert text in shown
        drift = ig_tasks.compare(run.folder.uri, runs["2013-02"].folder.uri, cross=False, trusted_root=project)
        html = drift._repr_html_()
        assert "2013-01 against 2013-02" in html
        assert drift.features[0].feature in html
        renamed = drift.model_copy(
            update={"features": (drift.features[0].model_copy(update={"feature": EVIL}),), "summary": EVIL}
        )
        html = renamed._repr_html_()
        assert "<script" not in html
        assert "\\x00\\ud800" in html
        assert (
            "Not comparable: another target"
            in drift.model_copy(update={"comparable": False, "why_not": "another target"})._repr_html_()
        )


def test_explanations_of_several_outputs_and_of_none_show_themselves() -> None:
    import torch

    model = torch.nn.Linear(2, 3)
    every = ig_tasks.explain(model, np.ones((4, 2), np.float32), target="all")._repr_html_()
    assert "All 3 outputs" in every
    assert "Explanation of 0 rows" in ig_tasks.explain(model, np.ones((0, 2), np.float32), target=0)._repr_html_()
    unsure = ig_tasks.explain(model, np.ones((2, 2), np.float32), target=0, integrator="midpoint", steps=4)
    with charts_undrawn():
        assert "0 of 2 converged to 1.0 %" in unsure._repr_html_()
        assert "leave steps out and use integrator=&#x27;auto&#x27;" in unsure._repr_html_()
