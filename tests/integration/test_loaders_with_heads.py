"""Every loader with a head behind its model: the probability of a class, calibrated, and its margin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.special import logit, softmax
from support import artifacts

import ig_tasks
from ig_tasks.models import open_package
from ig_tasks.models.digest import digest_of, file_digests

pytestmark = pytest.mark.slow

ISOTONIC = {"method": "isotonic", "of": "probability", "x": [0.1, 0.3, 0.4, 0.7, 0.95], "y": [0.05, 0.2, 0.2, 0.8, 0.9]}
TARGET = {"output": 1, "space": "logit", "activation": "softmax"}


def loaded_with(saver: str, folder: Path, target: dict[str, Any]) -> Any:
    kind = "numeric" if saver == "torchscript" else "both"
    package = artifacts.write_package(kind, saver, folder)
    document = yaml.safe_load((package / "model.yaml").read_text())
    (package / "model.yaml").write_text(yaml.safe_dump({**document, "targets": {"yes": target}}))
    digest = digest_of(file_digests(package))
    model = open_package(package, trust=digest, trusted_root=package).load()
    return model, artifacts.arrays(kind, channels="last" if model.framework == "tensorflow" else "first")


@pytest.mark.parametrize("saver", artifacts.SAVERS)
def test_a_class_is_explained_in_every_space(saver: str, tmp_path: Path) -> None:
    model, inputs = loaded_with(saver, tmp_path / "package", {**TARGET, "threshold": 0.3, "calibration": ISOTONIC})
    share = softmax(model.predict(inputs).astype(np.float64), axis=1)[:, 1]
    calibrated = np.interp(share, ISOTONIC["x"], ISOTONIC["y"])
    for space, wanted in {"probability": share, "calibrated": calibrated, "margin": calibrated - 0.3}.items():
        found = ig_tasks.explain(model, inputs, target="yes", space=space, tolerance=1e-3)
        np.testing.assert_allclose(found.output, wanted, atol=1e-5)
        done = found.status == "converged"
        assert done.all()
        assert found.relative_delta.max() <= 1e-3


@pytest.mark.parametrize("saver", artifacts.SAVERS)
def test_the_margin_of_a_class_is_in_its_log_odds(saver: str, tmp_path: Path) -> None:
    model, inputs = loaded_with(saver, tmp_path / "package", {**TARGET, "threshold": 0.3})
    share = softmax(model.predict(inputs).astype(np.float64), axis=1)[:, 1]
    found = ig_tasks.explain(model, inputs, target="yes", space="margin", tolerance=1e-3)
    np.testing.assert_allclose(found.output, logit(share) - logit(0.3), atol=1e-4)
    assert set(found.status) == {"converged"}
