"""The flights models calibrated on real flights of one month, and explained in calibrated space in another."""

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from support.sweeps import sized

import ig_tasks
from ig_tasks import pipeline
from ig_tasks.models import open_package
from ig_tasks.spec import load_spec

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / ".data" / "flights"
THRESHOLD = 0.4

pytestmark = pytest.mark.skipif(not (FLIGHTS / "_predictions.json").exists(), reason="needs the flights: make data")


def month_of(month, rows, seed):
    frame = pq.read_table(FLIGHTS / f"month=2013-{month}").to_pandas()
    return frame.dropna().sample(rows, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="module")
def fitted_on():
    """Scores and outcomes of flights of a month that the models were not trained on."""
    return month_of("10", 4000, 1)


@pytest.fixture(scope="module")
def explained():
    return month_of("11", 100, 2)


def outcome(frame):
    return frame["late"].to_numpy(dtype=float)


def platt(scores, late):
    fitted = _SigmoidCalibration().fit(scores, late)
    return {"method": "platt", "slope": -float(fitted.a_), "intercept": -float(fitted.b_)}, fitted.predict


def temperature(scores, late):
    def loss(t):
        return -np.mean(late * log_expit(scores / t) + (1 - late) * log_expit(-scores / t))

    best = float(minimize_scalar(loss, bounds=(0.1, 10.0), method="bounded").x)
    return {"method": "temperature", "temperature": best}, lambda s: expit(s / best)


def isotonic(scores, late):
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, late)
    points = {"method": "isotonic", "x": fitted.X_thresholds_.tolist(), "y": fitted.y_thresholds_.tolist()}
    return points, fitted.predict


METHODS = {"platt": platt, "temperature": temperature, "isotonic": isotonic}


@pytest.fixture(scope="module")
def source(request, fitted_on):
    """(package folder, logits of the flights to calibrate on), once for each model."""
    folder = ROOT / "include" / "models" / request.param
    loaded = open_package(folder, trusted_root=ROOT / "include").load()
    encoded = loaded.package.encode(fitted_on)
    assert encoded.keep.all()
    return folder, loaded.output(encoded.inputs, "late")


@pytest.fixture(scope="module")
def calibrated(request, source, fitted_on, tmp_path_factory):
    """A copy of the package with a calibration in a JSON file; the loaded model, and sklearn's own answer."""
    folder, scores = source
    root = tmp_path_factory.mktemp(request.param)
    package = root / folder.name
    shutil.copytree(folder, package, ignore=shutil.ignore_patterns("__pycache__"))
    parameters, predict = METHODS[request.param](scores, outcome(fitted_on))
    (package / "calibration.json").write_text(json.dumps(parameters))
    path = package / "model.yaml"
    document = yaml.safe_load(path.read_text())
    document["targets"]["late"] |= {"threshold": THRESHOLD, "calibration": {"file": "calibration.json"}}
    path.write_text(yaml.safe_dump(document, sort_keys=False))  # the order of the categories is that of the weights
    return ig_tasks.load_model(package, trusted_root=root), predict


MODELS = ("flights_torch", "flights_keras", "flights_torch_relu_64_64")
# Every calibration on one smooth model, and the one with steps, which is the hard one, on each.
FEWER = [(MODELS[0], "platt"), (MODELS[0], "temperature"), *((model, "isotonic") for model in MODELS)]
ALL = list(itertools.product(MODELS, METHODS))


@pytest.mark.parametrize(("source", "calibrated"), sized(FEWER, ALL), indirect=True)
@pytest.mark.parametrize(
    ("space", "tolerance", "precision"),
    [("calibrated", 0.01, "model"), ("calibrated", 1e-4, "float64"), ("margin", 0.01, "model")],
)
def test_flights_are_explained_in_calibrated_space(calibrated, explained, fitted_on, space, tolerance, precision):
    loaded, predict = calibrated
    found = ig_tasks.explain(
        loaded,
        explained,
        target="late",
        space=space,
        baseline="auto",
        reference=fitted_on,
        tolerance=tolerance,
        precision=precision,
    )
    done = found.status == "converged"
    # Isotonic steps behind a smooth model are the hard case: some rows do not reach 0.01 %, and say so.
    smooth = loaded.package.config.targets["late"].calibration.piecewise_linear and "relu" not in loaded.package.uri
    assert done.mean() > (0.4 if smooth and tolerance < 1e-3 else 0.98)
    assert (found.relative_delta[done] <= tolerance).all()
    assert found.details["space"] == space
    assert loaded.package.config.targets["late"].calibration.describe() == found.details["calibration"]
    logits = loaded.output(loaded.package.encode(explained).inputs, "late")
    wanted = predict(logits) - (THRESHOLD if space == "margin" else 0.0)
    np.testing.assert_allclose(found.output, wanted, atol=2e-5)
    sums = sum(part.reshape(len(done), -1).sum(axis=1) for part in found.attributions.values())
    np.testing.assert_allclose(sums - (found.output - found.baseline_output), found.convergence_delta, atol=1e-6)


RUN = [("flights_torch", "isotonic"), ("flights_keras", "platt")]  # each framework and each kind of calibration once
CROSSED = list(itertools.product(("flights_torch", "flights_keras"), ("platt", "isotonic")))


@pytest.mark.parametrize(("source", "calibrated"), sized(RUN, CROSSED), indirect=True)
def test_a_run_reports_the_margin_and_compares_with_the_served_model(source, calibrated, tmp_path):
    """The served model is the one without the calibration: its logits are compared, the calibrated are explained."""
    folder, _ = source
    loaded, _ = calibrated
    spec = load_spec(
        ROOT / "include" / "specs" / f"{folder.name}.yaml",
        settings={
            "model.uri": loaded.package.uri,
            "model.trust": loaded.package.digest,
            "model.space": "calibrated",
            "model.served": str(folder),
            "data.prediction": None,
            "data.label": None,
            "data.sample": 400,
            "verdicts.unstable.rows": 0,
            "baseline.partition": "2013-09",
            "validation.parity.space": "logit",
            "compute.workers": 0,
            "store": str(tmp_path / "runs"),
        },
    )
    ref = pipeline.run(spec, partition="2013-11", log=lambda _: None)
    report = json.loads(Path(ref["report_uri"]).read_text())
    checks = {check["name"]: check for check in report["checks"]}
    assert report["state"] == "published"
    assert checks["completeness"]["observed"] == 1.0
    assert checks["parity_served"]["success"]
    assert "give the same logit" in checks["parity_served"]["description"]
    (target,) = report["targets"]
    assert (target["space"], target["threshold"]) == ("calibrated", THRESHOLD)
    assert target["calibration"]["piecewise_linear"] is (target["calibration"]["method"] == "isotonic")
    assert len(report["examples"]) == 5
    for example in report["examples"]:
        assert example["margin"] == pytest.approx(example["output"] - THRESHOLD)
        assert example["margin_words"].endswith("the threshold 0.40")
    outputs = [example["output"] for example in report["examples"]]
    assert 0.0 <= min(outputs) < THRESHOLD < max(outputs) <= 1.0
