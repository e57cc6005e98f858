"""The demo's own job on the real flights: every row accounted for, and one set of weights in two frameworks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support import programs
from support.inline import inline
from support.patience import PATIENCE
from support.sweeps import THOROUGH, sized

from ig_tasks import pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import load_spec

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / ".data" / "flights"
ROWS = 327_346
# Two months have rows of every kind: without a temperature, without wind alone, of a month that the model never saw.
MONTHS = sized(("07", "10"), tuple(f"{month:02d}" for month in range(1, 13)))

pytestmark = pytest.mark.skipif(not (FLIGHTS / "_predictions.json").exists(), reason="needs the flights: make data")


def explain(spec, session):
    ref = pipeline.load_model(spec, session=session, log=lambda _: None)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)
    return pipeline.compute_attributions(spec, ref, session=session, log=lambda _: None)


def importance(ref):
    table = pq.read_table(f"{ref['run_uri']}/importance.parquet").to_pandas()
    return table[table["segment"].isna()].set_index("feature")


def test_all_flights_with_a_known_arrival_are_explained_or_quarantined(tmp_path):
    for month in MONTHS:
        shutil.copytree(FLIGHTS / f"month=2013-{month}", tmp_path / "data" / f"month=2013-{month}")
    flights = pd.concat([pq.read_table(FLIGHTS / f"month=2013-{month}").to_pandas() for month in MONTHS])
    assert len(flights) == ROWS or not THOROUGH
    no_temp, no_wind = flights["temp"].isna(), flights["wind_speed"].isna() & flights["temp"].notna()
    assert (no_temp.sum(), no_wind.sum()) == (1544, 78) or not THOROUGH
    # As the spec has it, where all months are there: its baseline is of January to September.
    months = {"partition": "2013-07..2013-10", "baseline.partition": "2013-07"}
    settings = {
        "store": str(tmp_path),
        "data.uri": str(tmp_path / "data"),
        **sized(months, {}),
        "compute.worker_timeout": PATIENCE,
    }
    spec = load_spec(ROOT / "include" / "specs" / "flights_torch.yaml", settings=settings)
    with ComputeSession(spec.compute) as session:
        ref = explain(spec, session)
        ref = pipeline.validate(spec, ref, session=session, log=lambda _: None)
    ref = pipeline.publish_report(spec, ref, log=lambda _: None)
    report = json.loads(Path(ref["report_uri"]).read_text())
    data = report["data"]
    assert data["rows_read"] == data["rows_available"] == len(flights)
    assert data["rows_explained"] + data["rows_quarantined"] == len(flights)
    reasons = {"missing value in temp": no_temp.sum(), "missing value in wind_speed": no_wind.sum()}
    assert data["quarantine_reasons"] == reasons
    assert min(reasons.values()) > 0
    assert sum(data["quarantine_reasons"].values()) == data["rows_quarantined"]
    assert report["completeness"]["converged_fraction"] > 0.999
    checks = {check["name"]: check for check in report["checks"]}
    # The model was trained on the months to September, as its baseline was fitted: October is unknown to it.
    unknown = checks.pop("unknown")
    assert not unknown["success"]
    unseen = (flights["month_of_year"].astype(int) > 9)[~no_temp & ~no_wind].mean()
    assert f"'month_of_year': {100 * unseen:.3g} %" in unknown["description"]
    assert {name: check["success"] for name, check in checks.items()} == dict.fromkeys(
        [
            "completeness",
            "converged",
            "quarantined",
            "attributions_finite",
            "row_ids_unique",
            "rows_complete",
            "parity",
        ],
        True,
    )
    assert report["importance"][0]["feature"] == "dep_delay"
    by_segment = {(row["segment_column"], row["feature"]): 0 for row in report["segments"]}
    for row in report["segments"]:
        by_segment[row["segment_column"], row["feature"]] += row["rows"]
    assert set(by_segment.values()) == {data["rows_explained"]}


def test_the_same_weights_in_both_frameworks_have_the_same_global_importance(tmp_path):
    converted = tmp_path / "include" / "models" / "converted"
    programs.python("include/models/convert.py", "include/models/flights_torch", "--to", str(converted))
    common = {"partition": "2013-11", "data.prediction": None, "attribution.tolerance": 1e-4}
    common["data.sample"] = sized(4000, None)  # one wrong weight or rule moves every row
    torch_spec = load_spec(
        ROOT / "include/specs/flights_torch.yaml", settings={**common, "store": str(tmp_path / "torch")}
    )
    keras_spec = load_spec(
        ROOT / "include/specs/flights_keras.yaml",
        settings={**common, "store": str(tmp_path / "keras"), "model.uri": str(converted)},
    )
    with inline() as session:
        torch_ref, keras_ref = explain(torch_spec, session), explain(keras_spec, session)
    assert (torch_ref["model"]["framework"], keras_ref["model"]["framework"]) == ("torch", "tensorflow")
    assert torch_ref["baseline"]["digest"] == keras_ref["baseline"]["digest"]
    assert torch_ref["rows"] == keras_ref["rows"]
    ours, theirs = importance(torch_ref), importance(keras_ref).loc[importance(torch_ref).index]
    for statistic in ("abs_mean", "mean_square", "std_dev"):
        np.testing.assert_allclose(theirs[statistic], ours[statistic], rtol=1e-4)
    # A signed mean near zero has no relative error of its own: it is measured against the feature's size.
    assert (np.abs(theirs["mean"] - ours["mean"]) <= 1e-4 * ours["abs_mean"]).all()
    assert (theirs["rank"] == ours["rank"]).all()
