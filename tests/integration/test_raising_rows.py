"""Rows with which the model raises are quarantined in its words; the others' numbers are as without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from support.inline import all_stages, inline
from support.tiny import MODEL_CODE, MODEL_YAML, table, write_data, write_project

from ig_tasks import pipeline
from ig_tasks.errors import ModelError, ValidationFailedError
from ig_tasks.spec import load_spec
from ig_tasks.store import Folder
from ig_tasks.store.report import Report
from ig_tasks.store.runs import locate_report

pytestmark = pytest.mark.usefixtures("undrawn")

NO_TABLE = {"unstable": {"rows": 0}}
"""Of baselines."""
FAR = 50.0
"""Values of `a` above this make the models raise."""
_KERAS = """\
import keras
import tensorflow as tf


class Guard(keras.layers.Layer):
    def call(self, numeric):
        tf.debugging.assert_less(numeric, 50.0, "no such distance")
        return numeric


def build(width=8):
    numeric = keras.Input((2,), name="numeric")
    kind = keras.Input((), name="kind", dtype="int64")
    embedded = keras.layers.Embedding(4, 2, name="embed_kind")(kind)
    joined = keras.layers.Concatenate()([Guard()(numeric), embedded])
    hidden = keras.layers.Dense(width, activation="tanh")(joined)
    return keras.Model({"numeric": numeric, "kind": kind}, keras.layers.Dense(1)(hidden))
"""
_GUARD = f"        if (numeric > {FAR}).any():\n            raise ValueError('no such\\ndistance')\n"
TORCH = MODEL_CODE.replace("        joined =", f"{_GUARD}        joined =")


def frame(rows: int = 120, far: tuple[int, ...] = (), value: float = FAR + 10) -> pd.DataFrame:
    drawn = table(rows, 2)
    drawn.loc[list(far), "a"] = value
    return drawn


def project(root: Path, framework: str, rows: pd.DataFrame) -> Any:
    path = write_project(root, rows=50, compute={"workers": 0, "shard_rows": 50}, verdicts=NO_TABLE)
    write_data(root / "data", {"2013-02": rows})
    package = root / "include" / "models" / "tiny"
    if framework == "torch":
        (package / "model.py").write_text(TORCH)
        return load_spec(path)
    scope: dict[str, Any] = {}
    exec(_KERAS, scope)  # noqa: S102 - the package's own code
    model = scope["build"]()
    draw = np.random.default_rng(3)
    model.set_weights([draw.normal(size=weight.shape).astype(np.float32) for weight in model.get_weights()])
    model.save_weights(package / "model.weights.h5")
    (package / "model.py").write_text(_KERAS)
    config = {**MODEL_YAML, "framework": "tensorflow", "weights": "model.weights.h5"}
    (package / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return load_spec(path)


def explained(spec: Any) -> tuple[Report, pd.DataFrame, pd.DataFrame]:
    """The report, its rows and its quarantine."""
    with inline() as session:
        ref = all_stages(spec, session)
    report, _ = locate_report(str(ref["report_uri"]))
    run = Folder(str(ref["run_uri"]))
    rows = [run.read_table(f"attributions/{name}").to_pandas() for name in sorted(run.names("attributions"))]
    return report, pd.concat(rows, ignore_index=True), run.read_table("quarantine.parquet").to_pandas()


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_rows_with_which_the_model_raises_are_quarantined_in_its_words(tmp_path: Path, framework: str) -> None:
    pytest.importorskip("torch" if framework == "torch" else "keras")
    far = (3, 77)  # the first is among the rows that load_model tries
    report, rows, quarantine = explained(project(tmp_path / "raising", framework, frame(far=far)))
    assert quarantine["row_id"].tolist() == [f"2-{row:06d}" for row in far]
    assert quarantine["reason"].str.fullmatch(r"the model raises \w+: .*no such distance.*").all(), quarantine
    assert report.state == "published"
    assert (report.data.rows_read, report.data.rows_explained, report.data.rows_quarantined) == (170, 168, 2)
    # The same rows without a number: they never reach the model, and the others' numbers are the same to the last bit.
    _, control, _ = explained(project(tmp_path / "control", framework, frame(far=far, value=np.nan)))
    pd.testing.assert_frame_equal(rows, control, check_exact=True)


def test_too_many_of_them_withhold_the_report(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    spec = project(tmp_path, "torch", frame(far=(40, 41, 60, 61, 62, 63, 80, 81, 82, 110)))
    with pytest.raises(ValidationFailedError, match=r"critical check failed: quarantined; .*report\.json"):
        explained(spec)


def test_a_model_that_raises_with_everything_fails_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    spec = project(tmp_path, "torch", frame(far=tuple(range(50, 100))))
    with (
        inline() as session,
        pytest.raises(ModelError, match=r"shard-000002: .* raises with more than 16 of 50 rows: ValueError: no such"),
    ):
        all_stages(spec, session)


def test_gradients_that_are_no_numbers_are_said_before_a_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    spec = project(tmp_path, "torch", frame())
    code = MODEL_CODE.replace("joined =", "numeric = numeric + 0 * (numeric * 0).sqrt()\n        joined =")
    (tmp_path / "include" / "models" / "tiny" / "model.py").write_text(code)
    with inline() as session, pytest.raises(ModelError, match="32 rows that were tried, and no gradient of theirs is"):
        pipeline.load_model(spec, session=session, log=lambda _: None)
