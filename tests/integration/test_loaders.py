"""Every loader with every kind of input that it carries: loaded by one call, attributions that sum to the difference.

The models of one framework have the same weights in every format, so that they agree with one another as well.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import artifacts

import ig_tasks
from ig_tasks.errors import LayerError, TrustError
from ig_tasks.models import open_package

pytestmark = pytest.mark.slow

CASES = [
    (saver, kind)
    for saver in artifacts.SAVERS
    for kind in artifacts.KINDS
    # No path can run inside TorchScript, which is said (see below).
    if not (saver == "torchscript" and kind in ("categorical", "both"))
]


@cache
def expected(framework: str, kind: str) -> np.ndarray:
    """The model's own outputs, asked of it in its framework."""
    if framework == "torch":
        import torch

        given = {name: torch.as_tensor(array) for name, array in artifacts.arrays(kind).items()}
        with torch.no_grad():
            return np.asarray(artifacts.torch_module(kind)(**given))
    return np.asarray(artifacts.keras_model(kind)(artifacts.arrays(kind, channels="last")))


def load(package: Path) -> Any:
    opened = open_package(package, trust=trusted(package), trusted_root=package)
    return opened.load()


def trusted(package: Path) -> str:
    from ig_tasks.models.digest import digest_of, file_digests

    return digest_of(file_digests(package))


@pytest.mark.parametrize(("saver", "kind"), CASES, ids=lambda value: str(value))
def test_a_package_of_every_format_is_explained(saver: str, kind: str, tmp_path: Path) -> None:
    framework = artifacts.SAVERS[saver][0]
    model = load(artifacts.write_package(kind, saver, tmp_path / "package"))
    inputs = artifacts.arrays(kind, channels="first" if framework == "torch" else "last")
    np.testing.assert_allclose(model.predict(inputs), expected(framework, kind), rtol=1e-5, atol=1e-6)
    explanation = ig_tasks.explain(model, inputs, target="yes", tolerance=1e-3)
    _complete(explanation, expected(framework, kind)[:, 1])
    assert {name: part.shape for name, part in explanation.attributions.items()} == {
        name: array.shape for name, array in inputs.items()
    }


@pytest.mark.parametrize(("saver", "kind"), [case for case in CASES if case[0] not in artifacts.NUMBERS_ONLY], ids=str)
def test_a_bare_artifact_is_explained(saver: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    framework, save = artifacts.SAVERS[saver]
    path = save(kind, tmp_path)
    inputs = artifacts.arrays(kind, channels="first" if framework == "torch" else "last")
    trust = None
    if saver == "module":
        with pytest.raises(TrustError) as refused:
            ig_tasks.load_model(path)
        trust = str(refused.value).split('trust="')[1].split('"')[0]
    model = ig_tasks.load_model(path, trust=trust)
    layers = {"layers": {"carrier": artifacts.LAYER}} if saver == "module" and "carrier" in inputs else {}
    explanation = ig_tasks.explain(model, inputs, target=1, tolerance=1e-3, **layers)
    _complete(explanation, expected(framework, kind)[:, 1])
    np.testing.assert_allclose(model.predict(inputs), expected(framework, kind), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["categorical", "both"])
def test_torchscript_refuses_a_layer_and_says_what_to_do(kind: str, tmp_path: Path) -> None:
    package = artifacts.write_package(kind, "torchscript", tmp_path / "package")
    with pytest.raises(LayerError, match=r"inputs.carrier.layer: no path can run .*; save the model with torch.export"):
        load(package)


def _complete(explanation: Any, output: np.ndarray) -> None:
    assert list(explanation.status) == ["converged"] * len(output)
    np.testing.assert_allclose(explanation.output, output, rtol=1e-5, atol=1e-6)
    whole = sum(part.reshape(len(output), -1).sum(axis=1) for part in explanation.attributions.values())
    np.testing.assert_allclose(whole, explanation.output - explanation.baseline_output, rtol=0, atol=2e-3)
    assert explanation.relative_delta.max() <= 1e-3
    assert np.abs(whole).max() > 0.05, "a difference of nothing would prove nothing"
