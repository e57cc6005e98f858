"""model.yaml: inputs that need a file or code of the package, and inputs that do not go together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ig_tasks.errors import ModelError
from ig_tasks.models import open_package
from ig_tasks.models.config import read_config

TOKENS = {"columns": "text", "kind": "tokens", "tokenizer": "tokenizer.json", "length": 4}
ARRAY = {"columns": ["a", "b"], "kind": "array", "shape": [1]}


def package(root: Path, inputs: dict[str, Any], **changes: Any) -> Path:
    root.mkdir(exist_ok=True)
    (root / "model.keras").write_bytes(b"not read here")
    config = {"framework": "tensorflow", "weights": "model.keras", "inputs": inputs, "targets": {"y": {}}, **changes}
    (root / "model.yaml").write_text(yaml.safe_dump(config))
    return root


@pytest.mark.parametrize(
    ("inputs", "changes", "message"),
    [
        ({"t": TOKENS}, {}, r"inputs\.t\.tokenizer: the package holds no file 'tokenizer\.json'"),
        (
            {"t": {**TOKENS, "tokenizer": "../t.json"}},
            {},
            r"inputs\.t\.tokenizer: '\.\./t\.json' is not the name of a file",
        ),
        ({"x": ARRAY}, {}, "preprocess: input 'x' of kind 'array' comes from code; name it, `prepare:encode`"),
        ({"x": ARRAY}, {"preprocess": "prepare:encode"}, r"preprocess: the package holds no file 'prepare\.py'"),
        ({"x": {"columns": "a"}}, {"preprocess": "prepare:encode"}, "preprocess: no input comes from it"),
        (
            {"x": {"columns": "a"}, "m": {"kind": "mask", "of": "x"}},
            {},
            r"inputs\.m\.of: 'x' is not an input of padded ids",
        ),
        ({"x": {"columns": "a", "kind": "series"}}, {}, r"inputs\.x: length: an input of kind 'series' needs it"),
    ],
)
def test_faults_are_named_before_anything_runs(
    tmp_path: Path, inputs: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read_config(package(tmp_path / "p", inputs, **changes))


def test_a_tokenizer_is_found_from_wherever_the_package_is_used(tmp_path: Path, monkeypatch: Any) -> None:
    root = package(tmp_path / "p", {"t": TOKENS})
    (root / "tokenizer.json").write_text("{}")
    before = open_package(root).digest
    monkeypatch.chdir(tmp_path)
    assert Path(str(read_config(root).inputs["t"].tokenizer)).is_file()
    (root / "tokenizer.json").write_text("{ }")
    assert open_package(root).digest != before


def test_code_that_cannot_be_imported_is_the_preprocesss(tmp_path: Path) -> None:
    root = package(tmp_path / "p", {"x": ARRAY}, preprocess="prepare:encode")
    (root / "prepare.py").write_text("import nothing_of_the_kind\n")
    opened = open_package(root, trusted_root=tmp_path)
    with pytest.raises(ModelError, match=r"preprocess: .*prepare\.py' cannot be imported: ModuleNotFoundError"):
        opened.encode(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    (root / "prepare.py").write_text("def other(frame):\n    return {}\n")
    with pytest.raises(ModelError, match=r"preprocess: .* has no function 'encode'"):
        open_package(root, trusted_root=tmp_path).encode(pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_a_column_that_code_reads_is_a_column_of_the_package(tmp_path: Path) -> None:
    inputs = {"n": {"columns": ["b", "c"]}, "x": ARRAY}
    root = package(tmp_path / "p", inputs, preprocess="prepare:encode")
    (root / "prepare.py").write_text("def encode(frame):\n    return {'x': frame[['a']].to_numpy() + 1}\n")
    opened = open_package(root, trusted_root=tmp_path)
    assert opened.columns == ["b", "c", "a"]
    assert [feature.name for feature in opened.features] == ["b", "c", "x"]
    encoded = opened.encode(pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0]}))
    assert encoded.inputs["x"].tolist() == [[2.0]]
