"""Whether decisions depended on their reasons, for all adverse rows: against the model's own weights, in float64."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import load_file
from support import tiny
from support.inline import all_stages, inline

from ig_tasks import cli, pipeline
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.errors import DamagedError
from ig_tasks.models import open_package
from ig_tasks.spec import load_spec
from ig_tasks.stages.reasons import ablation
from ig_tasks.store import RunFolder
from ig_tasks.store.runs import revised

REASONS: dict[str, Any] = {"threshold": 0.4, "adverse": "above", "space": "probability", "top": 2, "ablation": True}
BASELINE: dict[str, Any] = {"strategy": "reference_population", "partition": "2013-01", "k": 7}
pytestmark = pytest.mark.usefixtures("undrawn")


def quiet(_line: str) -> None:
    """Lines for people are not looked at here."""


def project(root: Path, **changes: Any) -> Path:
    """75 rows in three shards, one of them in quarantine."""
    rows = tiny.table(75, 2)
    rows.loc[3, "a"] = np.nan
    usual = {"partition": "2013-02", "baseline": BASELINE, "compute": {"workers": 0, "shard_rows": 30}}
    path = tiny.write_project(root, rows=150, **{**usual, "reasons": REASONS, **changes})
    tiny.write_data(root / "data", {"2013-02": rows})
    return path


def run(path: Path) -> tuple[Path, pd.DataFrame]:
    """The run's folder, and the reasons of its newest report."""
    with inline() as session:
        ref = all_stages(load_spec(path), session)
    folder = Path(str(ref["run_uri"]))
    name = revised("reasons.parquet", ref["revision"])
    return folder, pq.read_table(folder / name).to_pandas()


def chance(weights: dict[str, Any], a: Any, b: Any, kind: int) -> float:
    """The tiny model's probability in float64."""
    point = np.concatenate([[a, b], weights["embed_kind.weight"][kind]])
    hidden = np.tanh(weights["hidden.weight"].astype(float) @ point + weights["hidden.bias"])
    return float(1.0 / (1.0 + np.exp(-(weights["out.weight"].astype(float) @ hidden + weights["out.bias"])[0])))


def truth(path: Path, folder: Path, held: dict[str, tuple[str, ...]]) -> dict[tuple[int, str], tuple[float, float]]:
    """{(row of the data, reason): (mean probability, share of members with another decision)}, of every row."""
    package = path.parents[1] / "models" / "tiny"
    weights = {name: array.astype(float) for name, array in load_file(package / "weights.safetensors").items()}
    inputs = open_package(str(package), trusted_root=str(path.parents[2])).config.inputs
    members = Baseline.of_run(RunFolder(str(folder), "", ""), inputs).fitted
    rows = pd.read_parquet(path.parents[2] / "data" / "month=2013-02" / "part-0.parquet")
    expected = {}
    for at, row in enumerate(rows.to_dict("records")):
        own = {"a": row["a"], "b": row["b"], "kind": 1 + tiny.KINDS.index(row["kind"])}
        for name, features in held.items():
            chances = []
            for member in members:
                of_member = {**member.numbers, "kind": next(iter(member.weights["kind"]))}
                values = {**own, **{feature: of_member[feature] for feature in features}}
                chances.append(chance(weights, values["a"], values["b"], values["kind"]))
            expected[at, name] = (float(np.mean(chances)), float(np.mean(np.array(chances) <= REASONS["threshold"])))
    return expected


def require_true(path: Path, folder: Path, table: pd.DataFrame, held: dict[str, tuple[str, ...]]) -> None:
    expected = truth(path, folder, held)
    rows = pd.read_parquet(path.parents[2] / "data" / "month=2013-02" / "part-0.parquet")
    lines = table[table["rank"].notna()]
    assert len(lines) > 15
    for line in lines.to_dict("records"):
        (at,) = np.flatnonzero(rows["id"] == line["row_id"])
        result, changed = expected[int(at), line["feature"]]
        assert line["result_without"] == pytest.approx(result, abs=2e-7)
        assert line["other_decision"] == pytest.approx(changed, abs=1e-12)
    assert 0 < (lines["other_decision"] > 0).sum() < len(lines)


def test_every_reason_of_every_row_has_the_decision_without_it(tmp_path: Path) -> None:
    path = project(tmp_path)
    folder, table = run(path)
    require_true(path, folder, table, {name: (name,) for name in ("a", "b", "kind")})
    report = RunFolder(str(folder), "", "").read_report(1)
    assert report.reasons is not None
    assert report.reasons.rows_dependent is not None
    lines = table[table["rank"].notna()]
    assert report.reasons.rows_dependent < table["row_id"].nunique()
    by_row = lines.groupby(["row_id", "output"])["other_decision"].max()
    assert report.reasons.rows_dependent == int((by_row >= 0.5).sum())
    for reason in report.reasons.reasons:
        own = lines.loc[lines["feature"] == reason.name, "other_decision"]
        assert reason.other_decision == pytest.approx(own.mean(), abs=1e-12)
    page = (folder / "report.html").read_text()
    assert f"{report.reasons.rows_dependent} of {by_row.size} rows would have another decision" in page


def test_groups_are_held_at_the_comparison_together(tmp_path: Path) -> None:
    path = project(
        tmp_path,
        features={"a": {"group": "numbers"}, "b": {"group": "numbers"}},
        reasons={**REASONS, "by": "groups"},
    )
    folder, table = run(path)
    require_true(path, folder, table, {"numbers": ("a", "b"), "kind": ("kind",)})


def test_of_one_or_many_shards_and_of_a_sample_the_answers_are_the_same(tmp_path: Path) -> None:
    tables = []
    for rows in (7, 1000):
        path = project(tmp_path / str(rows), compute={"workers": 0, "shard_rows": rows})
        tables.append(run(path)[1])
    few, many = tables
    pd.testing.assert_frame_equal(few, many, check_exact=False, rtol=1e-4, atol=1e-6)
    spec = yaml.safe_load(path.read_text())
    spec["data"] |= {"sample": 40}
    path.write_text(yaml.safe_dump(spec))
    sampled = run(path)[1]
    merged = sampled.merge(tables[1], on=["row_id", "output", "feature"], suffixes=("", "_all"))
    assert len(merged) == len(sampled)
    np.testing.assert_allclose(merged["result_without"], merged["result_without_all"], atol=1e-7)


def test_what_was_killed_goes_on_where_it_stopped_and_nothing_is_computed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project(tmp_path)
    usual = ablation.ablate_reasons
    asked: list[str] = []

    def dying(task: Any, folder_uri: str, name: str) -> int:
        if len(asked) == 1:
            raise KeyboardInterrupt
        asked.append(task.shard.name)
        return usual(task, folder_uri, name)

    monkeypatch.setattr("ig_tasks.validation.reason_ablation.ablate_reasons", dying)
    with pytest.raises(KeyboardInterrupt):
        run(path)

    def counting(task: Any, folder_uri: str, name: str) -> int:
        asked.append(task.shard.name)
        return usual(task, folder_uri, name)

    monkeypatch.setattr("ig_tasks.validation.reason_ablation.ablate_reasons", counting)
    _, table = run(path)
    assert asked == ["shard-000000", "shard-000001", "shard-000002"]
    # Another text is the same question; another threshold is another one.
    for change, times in (({"texts": {"a": "Amount"}}, 3), ({"threshold": 0.6}, 6)):
        spec = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**spec, "reasons": {**REASONS, **change}}))
        _, again = run(path)
        assert len(asked) == times
        if times == 3:
            pd.testing.assert_frame_equal(table.drop(columns="text"), again.drop(columns="text"))


def test_a_result_that_is_damaged_before_it_is_published_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project(tmp_path)
    spec = load_spec(path)
    with inline() as session:
        ref = pipeline.load_model(spec, session=session, log=quiet)
        for stage in (pipeline.build_baseline, pipeline.compute_attributions, pipeline.validate):
            ref = stage(spec, ref, session=session, log=quiet)
        before = {file.name: file.read_bytes() for file in (tmp_path / "runs" / "tiny" / "crossed").iterdir()}
        assert len(before) == 3
        damaged = tmp_path / "runs" / "tiny" / "crossed" / min(before)
        damaged.write_bytes(before[damaged.name][:-20])
        with pytest.raises(DamagedError):
            pipeline.publish_report(spec, ref, log=quiet)
        ref = pipeline.validate(spec, ref, session=session, log=quiet)
        assert damaged.read_bytes() == before[damaged.name]
        damaged.unlink()
        with pytest.raises(DamagedError, match="what the model said without each reason is gone; validate"):
            pipeline.publish_report(spec, ref, log=quiet)
        ref = pipeline.validate(spec, ref, session=session, log=quiet)
        ref = pipeline.publish_report(spec, ref, log=quiet)
    assert ref["verdict"] == "published"


def test_without_the_data_the_report_says_why_and_has_its_reasons_all_the_same(tmp_path: Path) -> None:
    path = project(tmp_path, reasons={**REASONS, "ablation": False})
    run(path)
    spec = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**spec, "reasons": REASONS}))
    loaded = load_spec(path)
    with inline() as session:
        ref = pipeline.load_model(loaded, session=session, log=quiet)
        ref = pipeline.build_baseline(loaded, ref, session=session, log=quiet)
        ref = pipeline.compute_attributions(loaded, ref, session=session, log=quiet)
        shutil.rmtree(tmp_path / "data" / "month=2013-02")
        ref = pipeline.validate(loaded, ref, session=session, log=quiet)
        ref = pipeline.publish_report(loaded, ref, log=quiet)
    report = RunFolder(str(ref["run_uri"]), "", "").read_report(int(ref["revision"]))
    assert report.reasons is not None
    assert report.reasons.rows_dependent is None
    assert "2013-02" in report.reasons.ablation_why_not
    assert report.reasons.rows_certified > 0


def test_the_command_line_tells_what_the_run_asked_already(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path)
    folder, table = run(path)
    line = table[table["rank"] == 1].to_dict("records")[0]
    shutil.rmtree(path.parents[1] / "models")  # nobody needs the model any more
    assert cli._run(["reasons", str(folder), "--row", line["row_id"]]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "all else being equal, and whether the decision would then be another:" in said
    assert f"{line['feature']}: {line['result_without']:.3g}"[:8] in said
    assert cli._run(["reasons", str(folder)]) == 0
    assert "another decision without it" in " ".join(capsys.readouterr().out.split())
    assert cli._run(["reasons", str(folder), "--format", "csv"]) == 0
    assert capsys.readouterr().out == (folder / "reasons.csv").read_text()
    # Of another threshold the run asked nothing.
    assert cli._run(["reasons", str(folder), "--threshold", "0.6", "--format", "csv"]) == 0
    assert all(text.endswith(",,") for text in capsys.readouterr().out.splitlines()[1:])
