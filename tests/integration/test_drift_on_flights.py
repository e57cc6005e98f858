"""Reports of real months compared one after the other, and a model replaced, in both frameworks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import load_file, save_file
from support.inline import all_stages, inline
from support.sweeps import THOROUGH, sized

from ig_tasks.spec import load_spec
from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report import Report

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / ".data" / "flights"

pytestmark = pytest.mark.skipif(not (FLIGHTS / "_predictions.json").exists(), reason="needs the flights: make data")


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


def project_of(root: Path, framework: str, rows: int) -> Path:
    """The shipped package and its spec in a project of their own, over a sample of each month."""
    name = f"flights_{framework}"
    shutil.copytree(ROOT / "include" / "models" / name, root / "include" / "models" / name)
    spec = yaml.safe_load((ROOT / "include" / "specs" / f"{name}.yaml").read_text())
    spec["data"] |= {"uri": str(FLIGHTS), "sample": rows}
    del spec["data"]["prediction"], spec["validation"], spec["schedule"]
    # What features are worth and other baselines: as many forwards again, of which no comparison is made.
    del spec["data"]["label"]
    spec["model"].pop("served", None)
    spec |= {"store": "../../runs", "verdicts": {"unstable": {"rows": 0}}}
    path = root / "include" / "specs" / f"{name}.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def report_of(path: Path, session: Any, month: str, **settings: Any) -> Report:
    ref = all_stages(load_spec(path, settings={"partition": month, **settings}), session)
    return Report.from_json(Path(ref["report_uri"]).read_bytes())


def input_means(run_uri: str, feature: str) -> tuple[float, float]:
    """Mean and standard deviation of a column's own values."""
    files = sorted(Path(run_uri).glob("attributions/*.parquet"))
    values = np.concatenate([pq.read_table(file, columns=[f"input:{feature}"]).column(0).to_numpy() for file in files])
    return float(values.mean()), float(values.std())


def deaden(package: Path, feature: str, framework: str) -> None:
    """Set the weights of one numeric column to zero."""
    columns = yaml.safe_load((package / "model.yaml").read_text())["inputs"]["numeric"]["columns"]
    place = columns.index(feature)
    if framework == "torch":
        weights = load_file(package / "weights.safetensors")
        weights["hidden_0.weight"][:, place] = 0.0
        save_file(weights, package / "weights.safetensors")
        return
    import keras

    model = keras.models.load_model(package / "model.keras")
    kernel, *rest = model.get_layer("hidden_0").get_weights()
    kernel[place] = 0.0
    model.get_layer("hidden_0").set_weights([kernel, *rest])
    model.save(package / "model.keras")


def test_a_year_of_reports_raises_few_alarms_and_each_says_what_happened(tmp_path: Path, session: Any) -> None:
    path = project_of(tmp_path, "torch", 3_000)
    labels = {name: feature["label"] for name, feature in yaml.safe_load(path.read_text())["features"].items()}
    months = [f"2013-{month:02d}" for month in sized(range(4, 6), range(1, 13))]
    drifts: list[Drift] = []
    for month in months:
        drift = report_of(path, session, month).drift
        drifts += [] if drift is None else [drift]
    assert len(drifts) == len(months) - 1
    alarms = [(drift, row) for drift in drifts for row in drift.alarms]
    assert len(alarms) <= len(drifts)
    for drift in drifts:
        rows = {row.feature: row for row in drift.features}
        assert drift.comparable
        assert not drift.model_changed
        assert rows["month_of_year"].follows_partition
        assert not rows["month_of_year"].alarm
    for drift, row in alarms:
        # What a sentence calls own values can be seen in the values themselves, read from the rows of both months.
        assert row.sentence.startswith(f"{labels[row.feature]} {'rose' if row.change > 0 else 'fell'} by")
        if row.cause[0] == "own":
            assert drift.reference is not None
            (one, spread), (two, _) = (input_means(side.uri, row.feature) for side in (drift.reference, drift.current))
            assert abs(two - one) > spread / 2
            assert row.input_drift is not None
            assert row.input_drift.wasserstein is not None
            assert row.input_drift.wasserstein >= abs(two - one) / (2 * spread)
    # As on all rows of the two months, where the importance of the dew point fell from 0.082 to 0.031.
    may = next(drift for drift in drifts if drift.current is not None and drift.current.partition == "2013-05")
    assert [row.feature for row in may.alarms] == ["dewp"]
    if THOROUGH:
        assert len(alarms) <= 4


# A torch model is replaced in test_drift.py as well.
@pytest.mark.parametrize("framework", sized(["keras"], ["torch", "keras"]))
def test_a_feature_that_a_new_model_no_longer_uses_is_named_in_both_frameworks(
    framework: str, tmp_path: Path, session: Any
) -> None:
    path = project_of(tmp_path, framework, 600)
    report_of(path, session, "2013-02", drift="none")
    package = tmp_path / "include" / "models" / f"flights_{framework}"
    replaced = package.with_name("replaced")
    shutil.copytree(package, replaced)
    deaden(replaced, "humid", framework)
    report = report_of(path, session, "2013-03", model=f"../models/{replaced.name}")
    drift = report.drift
    assert drift is not None
    assert drift.model_changed
    rows = {row.feature: row for row in drift.features}
    humid = rows["humid"]
    assert (humid.after, humid.growth) == (0.0, -1.0)
    assert humid.cause[0] == "model"
    assert humid.alarm
    assert [row.feature for row in drift.alarms] == ["humid"]
    assert humid.parts["model"].value == pytest.approx(-2.0, abs=0.2)
    # The other features keep their weights. Those that acted through humid may move by a little.
    assert all(abs(row.parts["model"].value or 0.0) < 0.5 for row in rows.values() if row is not humid and row.before)
