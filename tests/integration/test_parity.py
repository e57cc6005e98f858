"""A model that is not the one that is served: found by `check`, stopped by a run, and nothing is published."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.numpy import load_file, save_file
from scipy.special import expit
from support.patience import PATIENCE
from support.tiny import write_package, write_project

from ig_tasks import pipeline
from ig_tasks.cli import _run as command_line
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import ModelError, SpecError, TrustError, ValidationFailedError
from ig_tasks.models import open_package
from ig_tasks.spec import ComputeSpec, load_spec
from ig_tasks.store import Store

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def session():
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


@pytest.fixture
def project(tmp_path):
    """A project whose spec names a served copy of its model: (spec's path, folder of the copy)."""
    served = write_package(tmp_path / "include" / "models" / "served")
    path = write_project(tmp_path, model={"uri": "../models/tiny", "served": "../models/served"})
    return path, served


def change_one_weight(folder: Path) -> None:
    weights = load_file(folder / "weights.safetensors")
    weights["hidden.weight"][3, 1] += 0.05
    save_file(weights, folder / "weights.safetensors")


def stages(spec, session):
    ref = pipeline.load_model(spec, session=session, log=lambda _: None)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=lambda _: None)
    ref = pipeline.validate(spec, ref, log=lambda _: None)
    return pipeline.publish_report(spec, ref, log=lambda _: None)


def checks_of(uri):
    report = json.loads(Path(uri).read_text())
    return report, {check["name"]: check for check in report["checks"]}


def test_a_served_copy_agrees_and_one_changed_weight_is_stopped(project, session):
    path, served = project
    spec = load_spec(path)
    first = stages(spec, session)
    report, checks = checks_of(first["report_uri"])
    assert (report["state"], checks["parity_served"]["success"]) == ("published", True)
    assert "all 450; the largest difference is 0 (" in checks["parity_served"]["description"]
    assert report["model"]["served_uri"] == str(served)
    latest = Store(spec.store_uri()).latest("tiny")

    change_one_weight(served)
    with pytest.raises(
        ValidationFailedError, match="critical check failed: parity_served; the report is withheld"
    ) as e:
        stages(spec, session)
    report, checks = checks_of(e.value.report_uri)
    assert (report["state"], report["revision"]) == ("withheld", 2)
    failed = checks["parity_served"]
    assert (failed["success"], failed["severity"]) == (False, "critical")
    assert ", in row " in failed["description"]
    assert Store(spec.store_uri()).latest("tiny") == latest


def test_the_command_line_says_so_with_exit_code_1(project, session, monkeypatch, capsys):
    path, served = project
    assert command_line(["check", str(path)]) == 0
    assert "parity    the served model agrees: Share of a sample of rows" in capsys.readouterr().out
    change_one_weight(served)
    assert command_line(["check", str(path)]) == 1
    said = capsys.readouterr()
    assert "ig-tasks: critical check failed: parity_served: " in said.err
    assert "the largest difference is" in said.err
    assert command_line(["run", str(path)]) == 1
    said = capsys.readouterr()
    withheld = said.out.splitlines()[-1]
    assert json.loads(Path(withheld).read_text())["state"] == "withheld"
    assert Store(load_spec(path).store_uri()).latest("tiny") is None
    assert command_line(["check", str(path), "--set", "validation.parity.severity=warning"]) == 0
    assert "parity    WARNING: " in capsys.readouterr().out
    assert command_line(["check", str(path), "--set", "validation.parity.tolerance=0.9"]) == 0


def test_the_run_itself_is_the_same_with_and_without_a_served_model(project, session):
    path, _ = project
    compared = stages(load_spec(path), session)
    alone = stages(load_spec(path, settings={"model.served": None}), session)
    assert alone["run_id"] == compared["run_id"]
    report, checks = checks_of(alone["report_uri"])
    assert "parity_served" not in checks
    assert report["revision"] == 2


@pytest.fixture
def keras_copy(tmp_path):
    """keras_copy(activation, path): the tiny model's weights in a Keras model, saved."""
    keras = pytest.importorskip("keras")

    def save(activation, path):
        weights = load_file(tmp_path / "include/models/tiny/weights.safetensors")
        numeric, kind = keras.Input((2,), name="numeric"), keras.Input((), name="kind", dtype="int64")
        embed = keras.layers.Embedding(4, 2, name="embed_kind")
        hidden, out = keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1, activation=activation)
        joined = keras.layers.Concatenate()([numeric, embed(kind)])
        served = keras.Model({"numeric": numeric, "kind": kind}, out(hidden(joined)))
        embed.set_weights([weights["embed_kind.weight"]])
        hidden.set_weights([weights["hidden.weight"].T, weights["hidden.bias"]])
        out.set_weights([weights["out.weight"].T, weights["out.bias"]])
        path.parent.mkdir(exist_ok=True)
        served.save(path)

    return save


def called_of(path, session, **settings):
    """What both models gave, and the space."""
    dotted = {key.replace("__", "."): value for key, value in settings.items()}
    ref = pipeline.load_model(load_spec(path, settings=dotted), session=session, log=lambda _: None)
    called = Store(ref["store"]).name_folder("tiny").read_json(ref["served"]["file"])
    return np.array(called["model"]), np.array(called["served"]), ref["served"]["space"]


@pytest.mark.parametrize("space", [None, "probability"])
def test_another_framework_may_serve_it_in_another_space(tmp_path, session, keras_copy, space):
    """The served copy is a Keras model that returns probabilities; the logit is explained."""
    path = write_project(tmp_path)
    model, folder = tmp_path / "include" / "models" / "tiny", tmp_path / "include" / "models" / "served"
    keras_copy("sigmoid", folder / "model.keras")
    document = yaml.safe_load((model / "model.yaml").read_text())
    document |= {"framework": "tensorflow", "weights": "model.keras", "targets": {"p": {"space": "probability"}}}
    for key in ("factory", "arguments"):
        document.pop(key)
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    own, served, compared = called_of(path, session, model__served="../models/served", validation__parity__space=space)
    assert compared == (space or "logit")
    assert len(own) == 450
    np.testing.assert_allclose(own, served, rtol=1e-4, atol=1e-5)


def test_a_bare_artifact_is_called_with_the_inputs_of_the_model_explained(tmp_path, session, keras_copy):
    path = write_project(tmp_path)
    keras_copy(None, tmp_path / "serving" / "model.keras")
    own, served, compared = called_of(path, session, model__served="../../serving/model.keras")
    assert compared == "logit"
    np.testing.assert_allclose(own, served, rtol=1e-4, atol=1e-5)


def test_stored_probabilities_are_compared_with_an_explained_logit(tmp_path, session, monkeypatch, capsys):
    path = write_project(tmp_path, rows=60)
    loaded = open_package(tmp_path / "include/models/tiny", trusted_root=tmp_path / "include").load()
    for file in (tmp_path / "data").glob("*/*.parquet"):
        frame = pd.read_parquet(file)
        logits = loaded.output(loaded.package.encode(frame).inputs, "late")
        frame.assign(served_probability=expit(logits)).to_parquet(file, index=False)
    settings = {"data.prediction": "served_probability", "validation.parity.space": "probability"}
    report, checks = checks_of(stages(load_spec(path, settings=settings), session)["report_uri"])
    assert checks["parity"]["success"]
    assert (
        "Share of rows whose probability, told from the output explained, equals the stored"
        in (checks["parity"]["description"])
    )
    assert report["targets"][0]["space"] == "logit"
    with pytest.raises(ValidationFailedError, match="parity"):
        stages(load_spec(path, settings={"data.prediction": "served_probability"}), session)
    column = ["--set", "data.prediction=served_probability"]
    assert command_line(["check", str(path), *column, "--set", "validation.parity.space=probability"]) == 0
    assert "parity    stored predictions agree: " in capsys.readouterr().out
    assert command_line(["check", str(path), *column]) == 1
    assert "critical check failed: parity: Share of a sample of rows" in capsys.readouterr().err


def test_a_calibrated_target_is_reported_with_its_margin(tmp_path, session):
    path = write_project(tmp_path, rows=60, model={"uri": "../models/tiny", "space": "calibrated"})
    calibration = {"method": "isotonic", "x": [-2.0, -0.5, 0.0, 1.0, 2.5], "y": [0.05, 0.2, 0.2, 0.7, 0.9]}
    write_package(
        tmp_path / "include" / "models" / "tiny",
        targets={"late": {"space": "logit", "threshold": 0.4, "calibration": calibration}},
    )
    ref = stages(load_spec(path), session)
    report, checks = checks_of(ref["report_uri"])
    assert checks["completeness"]["success"]
    (target,) = report["targets"]
    assert (target["space"], target["threshold"], target["threshold_output"]) == ("calibrated", 0.4, 0.4)
    assert target["calibration"]["piecewise_linear"]
    assert report["provenance"]["engine"]["calibration"].startswith("isotonic regression: piecewise linear")
    for example in report["examples"]:
        assert example["margin"] == pytest.approx(example["output"] - 0.4)
        assert ("above" if example["margin"] > 0 else "below") in example["margin_words"]
        assert example["margin_words"].endswith("the threshold 0.40")
        assert example["margin_words"] in Path(ref["page_uri"]).read_text()
    page = Path(ref["page_uri"]).read_text()
    assert "Decision threshold" in page
    assert "The calibration is isotonic regression: piecewise linear, through 5 points." in page


def test_what_cannot_be_compared_is_found_before_a_worker_starts(project, tmp_path):
    path, served = project
    with pytest.raises(ModelError, match=r"model\.served: no model package at '.*gone'"):
        pipeline.load_model(load_spec(path, settings={"model.served": "../models/gone"}), log=lambda _: None)
    with pytest.raises(ModelError, match=r"model\.served: target 'late': there is no space 'logits'; did you mean"):
        pipeline.load_model(load_spec(path, settings={"validation.parity.space": "logits"}), log=lambda _: None)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(served, elsewhere)
    with pytest.raises(TrustError, match=r"model\.served: .*add `trust: sha256:\w+` under `model\.served`"):
        pipeline.load_model(load_spec(path, settings={"model.served": str(elsewhere)}), log=lambda _: None)
    calibration = {"method": "isotonic", "x": [-2.0, 2.5], "y": [0.05, 0.9]}
    write_package(
        tmp_path / "include" / "models" / "tiny", targets={"late": {"space": "logit", "calibration": calibration}}
    )
    settings = {"data.prediction": "a", "validation.parity.space": "logit", "model.space": "calibrated"}
    with pytest.raises(SpecError, match=r"validation\.parity\.space: target 'late': numbers in space 'calibrated' do"):
        pipeline.load_model(load_spec(path, settings=settings), log=lambda _: None)


def test_the_exit_code_is_the_processs_own(project):
    path, served = project
    change_one_weight(served)
    done = subprocess.run(
        [sys.executable, "-m", "ig_tasks.cli", "check", str(path)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("ig-tasks: critical check failed: parity_served")
    assert "Traceback" not in done.stderr
