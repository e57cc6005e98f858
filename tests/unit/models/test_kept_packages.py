"""Whose code runs when a package that was kept in the store is opened."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.tiny import write_package

from ig_tasks.errors import TrustError
from ig_tasks.models import ModelPackage, open_package
from ig_tasks.models.kept_packages import keep_package, open_kept
from ig_tasks.store import Folder


@pytest.fixture
def current(tmp_path: Path) -> ModelPackage:
    """The package in use, whose code imports other code."""
    root = write_package(tmp_path / "project" / "tiny", arguments={"width": 8, "kind": "plain", "sizes": [3, 4]})
    (root / "layers.py").write_text("HIDDEN = 8\n")
    code = (root / "model.py").read_text().replace("build(width=8)", "build(width=8, kind='plain', sizes=())")
    (root / "model.py").write_text("from .layers import HIDDEN\n" + code)
    return open_package(root, trusted_root=tmp_path)


def planted(tmp_path: Path, current: ModelPackage, **changes: Any) -> tuple[Folder, ModelPackage]:
    """A copy of the package in a store, with keys of its model.yaml replaced, and other weights."""
    root = tmp_path / "planted"
    shutil.copytree(current.root, root)
    document = yaml.safe_load((root / "model.yaml").read_text())
    (root / "model.yaml").write_text(yaml.safe_dump(document | changes))
    weights = root / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + np.array([7], np.uint8).tobytes())
    return Folder(str(tmp_path / "store")), _with_folder(root, tmp_path)


def _with_folder(root: Path, tmp_path: Path) -> ModelPackage:
    if not yaml.safe_load((root / "model.yaml").read_text())["weights"].endswith(".safetensors"):
        (root / "layers").mkdir()
        (root / "layers" / "__init__.py").write_text("HIDDEN = 8\nraise SystemExit('this ran')\n")
        (root / "weights.safetensors").unlink()
    return open_package(root, trusted_root=tmp_path)


def test_other_weights_and_sizes_under_the_same_code_may_run(tmp_path: Path, current: ModelPackage) -> None:
    numbers = {"width": 16, "kind": "plain", "sizes": [3, 4, 5]}
    for number, changes in enumerate(({}, {"arguments": numbers})):
        store, package = planted(tmp_path / str(number), current, **changes)
        assert package.digest != current.digest
        assert keep_package(store, package, most=1 << 20)
        assert open_kept(store, package.digest, trusted=(), like=[current]).digest == package.digest


@pytest.mark.parametrize(
    "changes",
    [
        # Beside layers.py a folder of that name is what Python imports; as weights it was not compared.
        pytest.param({"weights": "layers", "format": "safetensors"}, id="code where the weights are said to be"),
        pytest.param({"arguments": {"width": 8, "kind": "os.system", "sizes": [3, 4]}}, id="a text for the factory"),
        pytest.param({"arguments": {"width": 8, "kind": "plain", "sizes": [3, "x"]}}, id="a text in a list"),
        pytest.param({"arguments": {"width": 8, "kind": "plain", "other": 1, "sizes": []}}, id="another argument"),
    ],
)
def test_what_would_run_otherwise_is_refused(tmp_path: Path, current: ModelPackage, changes: dict[str, Any]) -> None:
    store, package = planted(tmp_path, current, **changes)
    assert keep_package(store, package, most=1 << 20)
    with pytest.raises(TrustError, match=f"trust: {package.digest}"):
        open_kept(store, package.digest, trusted=(), like=[current])
    assert open_kept(store, package.digest, trusted=[package.digest], like=[]).digest == package.digest
