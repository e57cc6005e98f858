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


def with_vocabulary(root: Path, name: str, section: Any, files: dict[str, Any]) -> Any:
    """A vocabulary that is a file's name becomes its content: a JSON list, or {input name: list}."""
    if not isinstance(section, dict) or not isinstance(section.get("vocabulary"), str):
        return section
    file = section["vocabulary"]
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
    return {**section, "vocabulary": content}


def with_tokenizer(root: Path, name: str, section: Any) -> Any:
    """A tokenizer's file by its path."""
    if not isinstance(section, dict) or not isinstance(section.get("tokenizer"), str):
        return section
    where = f"'{root / FILE}': inputs.{name}.tokenizer:"
    path = _path(root, where, section["tokenizer"])
    if not path.is_file():
        raise ModelError(f"{where} the package holds no file '{section['tokenizer']}'")
    return {**section, "tokenizer": str(path)}


def with_parameters(root: Path, name: str, section: Any) -> Any:
    """A calibration with the parameters that its JSON file holds; what stands in model.yaml besides has to agree."""
    calibration = section.get("calibration") if isinstance(section, dict) else None
    if not isinstance(calibration, dict) or not isinstance(calibration.get("file"), str):
        return section
    file = calibration["file"]
    where = f"'{root / FILE}': targets.{name}.calibration.file:"
    path = _path(root, where, file)
    try:
        parameters = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{where} the package holds no file '{file}'") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{where} '{file}' cannot be read as JSON: {error}") from error
    if not isinstance(parameters, dict):
        raise ModelError(f"{where} '{file}' holds no mapping of method and parameters")
    for key, value in calibration.items():
        if key in parameters and parameters[key] != value:
            raise ModelError(f"{where} '{file}' has another {key} than model.yaml; leave it in one of them")
    return {**section, "calibration": {**parameters, **calibration}}
