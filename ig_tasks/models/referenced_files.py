"""Files of a package that model.yaml names: vocabularies, tokenizers and calibrations, read into the document."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from ig_tasks.errors import ModelError, suggest
from ig_tasks.spec.uris import check_uri

__all__ = ["FILE", "relative_path", "with_parameters", "with_tokenizer", "with_vocabulary"]

FILE = "model.yaml"


def _path(root: Path, where: str, value: str) -> Path:
    """The path of a file of the package. Raises ModelError, without what may be a secret."""
    try:
        return root / relative_path(value)
    except ValueError as error:
        raise ModelError(f"{where} {error}") from error


def relative_path(value: str) -> PurePosixPath:
    """`value` as a path inside the package.

    Raises:
        ValueError: for absolute paths, paths that leave the package, and names that hold a secret.
    """
    path = PurePosixPath(check_uri(value))
    if path.is_absolute() or ".." in path.parts or "\\" in value or not path.name:
        raise ValueError(f"'{value}' is not the name of a file inside the package")
    return path


def with_vocabulary(root: Path, name: str, one: Any, files: dict[str, Any]) -> Any:
    """A vocabulary that is a file's name becomes its content: a JSON list, or {input name: list}."""
    if not isinstance(one, dict) or not isinstance(one.get("vocabulary"), str):
        return one
    file = one["vocabulary"]
    where = f"'{root / FILE}': inputs.{name}.vocabulary:"
    path = _path(root, where, file)
    try:
        if file not in files:
            files[file] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{where} the package holds no file '{file}'") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{where} '{file}' cannot be read as JSON: {error}") from error
    content = files[file]
    if isinstance(content, dict):
        if name not in content:
            raise ModelError(f"{where} '{file}' has no list '{name}'{suggest(name, content, noun='lists')}")
        content = content[name]
    if not isinstance(content, list):
        raise ModelError(f"{where} '{file}' holds no list of categories for '{name}'")
    return {**one, "vocabulary": content}


def with_tokenizer(root: Path, name: str, one: Any) -> Any:
    """A tokenizer's file by its path."""
    if not isinstance(one, dict) or not isinstance(one.get("tokenizer"), str):
        return one
    where = f"'{root / FILE}': inputs.{name}.tokenizer:"
    path = _path(root, where, one["tokenizer"])
    if not path.is_file():
        raise ModelError(f"{where} the package holds no file '{one['tokenizer']}'")
    return {**one, "tokenizer": str(path)}


def with_parameters(root: Path, name: str, one: Any) -> Any:
    """A calibration with the parameters that its JSON file holds; what stands in model.yaml besides has to agree."""
    calibration = one.get("calibration") if isinstance(one, dict) else None
    if not isinstance(calibration, dict) or not isinstance(calibration.get("file"), str):
        return one
    file = calibration["file"]
    where = f"'{root / FILE}': targets.{name}.calibration.file:"
    path = _path(root, where, file)
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{where} the package holds no file '{file}'") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{where} '{file}' cannot be read as JSON: {error}") from error
    if not isinstance(held, dict):
        raise ModelError(f"{where} '{file}' holds no mapping of method and parameters")
    for key, value in calibration.items():
        if key in held and held[key] != value:
            raise ModelError(f"{where} '{file}' has another {key} than model.yaml; leave it in one of them")
    return {**one, "calibration": {**held, **calibration}}
