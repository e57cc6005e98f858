"""A substitution explains only the rows that it gives another value, and its effects are those of explaining all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import tiny
from support.inline import inline

from ig_tasks import pipeline
from ig_tasks.spec import load_spec
from ig_tasks.stages import crossed_runs
from ig_tasks.stages.crossed_runs import CrossedRuns
from ig_tasks.store import Folder, RunFolder
from ig_tasks.validation.drift.crossing import Crossing
from ig_tasks.validation.drift.period import Period


def test_effects_are_those_of_explaining_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny.write_project(tmp_path, rows=240, attribution={"precision": "float64"})
    moved = tiny.table(120, 2)
    moved["kind"] = np.where(np.arange(120) % 3 == 0, "blue", moved["kind"])
    moved["a"] = moved["a"].round(1) + 1.0
    moved.loc[5, "b"] = np.nan  # in quarantine
    tiny.write_data(tmp_path / "data", {"2013-02": moved})
    periods = []
    with inline() as session:
        for partition in ("2013-01", "2013-02"):
            spec = load_spec(path, settings={"partition": partition})
            ref = pipeline.load_model(spec, session=session, log=str)
            ref = pipeline.build_baseline(spec, ref, session=session, log=str)
            ref = pipeline.compute_attributions(spec, ref, session=session, log=str)
            periods.append(Period.open(RunFolder(str(ref.run_uri), "tiny", str(ref.run_id))))
        effects, explained = [], []
        for name in ("few", "all"):
            runs = CrossedRuns(Folder(str(tmp_path / name)), session, say=str)
            crossing = Crossing(*periods, runs, rows=1_000, trusted_root=str(tmp_path), trust={})
            effects.append(crossing.substitutions(["kind", "a"]))
            documents = [json.loads(file.read_bytes()) for file in (tmp_path / name / "crossed").iterdir()]
            explained.append(sum(len(document["positions"]) for document in documents))
            monkeypatch.setattr(
                crossed_runs, "given_another", lambda column, _values, **_kind: np.ones(len(column), dtype=bool)
            )
    few, every = effects
    assert set(few) == set(every) == {"kind", "a"}
    for name, effect in few.items():
        np.testing.assert_allclose(effect, every[name], rtol=0, atol=1e-9)
        assert np.abs(effect).max() > 1e-3
    assert explained[1] == 3 * (240 + 119)
    assert explained[0] < 0.8 * explained[1]
