"""Loaded packages: features by name, layers of model.yaml checked; what the trial on a worker makes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny import MODEL_YAML, table, write_package

from ig_tasks import diagnose, load_model
from ig_tasks.errors import InputError, LayerError
from ig_tasks.models import open_package
from ig_tasks.stages.layer_doctor import diagnosis_of, load_or_propose

pytest.importorskip("torch")


def package(folder: Path, layer: str | None) -> Path:
    inputs: dict[str, Any] = copy.deepcopy(MODEL_YAML["inputs"])
    inputs["kind"].pop("layer")
    if layer is not None:
        inputs["kind"]["layer"] = layer
    return write_package(folder, inputs=inputs)


def test_a_table_is_encoded_and_the_packages_layers_are_checked(tmp_path: Path) -> None:
    loaded = load_model(package(tmp_path, "embed_kind"), trusted_root=tmp_path)
    found = diagnose(loaded, table(20, 1))
    assert [each.name for each in found.inputs] == ["numeric", "kind"]
    assert found.silent
    assert diagnose(loaded, table(20, 1), target="late").silent


def test_a_package_without_the_entry_gets_it_proposed(tmp_path: Path) -> None:
    loaded = load_model(package(tmp_path, None), trusted_root=tmp_path)
    found = diagnose(loaded, table(20, 1))
    assert found.changed == {"kind": "embed_kind"}
    assert found.complaints == ("inputs.kind.layer: is missing; integer ids, embedded by embed_kind",)


def test_features_without_attribution_have_their_columns_names(tmp_path: Path) -> None:
    folder = package(tmp_path, "embed_kind")
    code = (folder / "model.py").read_text()
    (folder / "model.py").write_text(code.replace("[numeric, self", "[numeric * torch.tensor([0.0, 1.0]), self"))
    found = diagnose(load_model(folder, trusted_root=tmp_path), table(20, 1))
    assert [each.name for each in found.zero] == ["a"]


def test_rows_that_cannot_be_encoded_are_refused(tmp_path: Path) -> None:
    loaded = load_model(package(tmp_path, "embed_kind"), trusted_root=tmp_path)
    with pytest.raises(InputError, match=r"none of the rows can be encoded \(missing value in a"):
        diagnose(loaded, table(3, 1).assign(a=np.nan))


def test_a_layer_that_is_not_there_is_answered_with_the_entry(tmp_path: Path) -> None:
    folder = package(tmp_path, "embed_kin")

    def opened() -> Any:
        return open_package(folder, trusted_root=tmp_path)

    with pytest.raises(LayerError) as error:
        load_or_propose(lambda: opened().load(), lambda: (opened(), table(20, 1)), None)
    assert str(error.value) == (
        "inputs.kind.layer: the model has no layer 'embed_kin'; did you mean 'embed_kind'? "
        "embedding layers: embed_kind; in model.yaml: inputs.kind.layer: embed_kind"
    )


def test_a_model_that_raises_is_left_to_the_trial_that_follows(tmp_path: Path) -> None:
    folder = package(tmp_path, "embed_kind")
    code = (folder / "model.py").read_text()
    (folder / "model.py").write_text(
        code.replace("return self.out", "raise ArithmeticError('mine')\n        return self.out")
    )
    loaded = load_model(folder, trusted_root=tmp_path)
    arrays = loaded.package.encode(table(20, 1)).inputs
    assert diagnosis_of(loaded, arrays, {}, None) is None
