"""Specs from YAML files: duplicate keys refused, paths made absolute, errors in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ig_tasks.errors import SpecError
from ig_tasks.spec.messages import first_error
from ig_tasks.spec.overrides import overrides_of_settings
from ig_tasks.spec.specification import ExplanationSpec
from ig_tasks.spec.written import load_yaml

_URI = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:/")


def load_spec(
    source: str | Path | Mapping[str, Any] | ExplanationSpec, *, settings: Mapping[str, Any] | None = None
) -> ExplanationSpec:
    """Read a spec from a YAML file, or from a mapping whose paths are relative to the working directory.

    Args:
        source: a file's path, a mapping, or a spec (returned as it is).
        settings: dotted keys to values that replace those of the document, as `--set key=value` does.

    Raises:
        SpecError: one line naming the file, the field and the remedy.
    """
    if isinstance(source, ExplanationSpec):
        return source
    if isinstance(source, Mapping):
        return _build(dict(source), Path.cwd(), None, "spec", settings)
    path = Path(source).absolute()
    return _build(read_yaml(path), path.parent, path, path.name, settings)


def load_for_run(path: str | Path, settings: Mapping[str, Any]) -> ExplanationSpec:
    """A spec for one run with settings of its own: `load_spec`, and what differs from the file is an override.

    Raises:
        SpecError: as `load_spec`.
    """
    used = load_spec(path, settings=settings)
    if not settings:
        return used
    try:
        own = load_spec(path)
    except SpecError:
        # The file alone is no spec: there is no official run of it.
        return used.model_copy(update={"overrides": overrides_of_settings(settings)})
    return used.noting_overrides_of(own)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        SpecError: if the file is absent, is not YAML or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such spec file; give the path of a YAML spec") from None
    except UnicodeDecodeError:
        raise SpecError(f"{path}: is not written in UTF-8; save it in that encoding") from None
    except IsADirectoryError:
        raise SpecError(f"{path}: is a folder; give the path of a YAML spec") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error})") from None
    try:
        document = load_yaml(text, ExplanationSpec)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise SpecError(f"{path.name}: is not valid YAML{where}: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(document, dict):
        raise SpecError(f"{path.name}: holds no mapping; the smallest spec has version, name, model, data, baseline")
    return document


def _build(
    document: dict[str, Any], folder: Path, path: Path | None, title: str, settings: Mapping[str, Any] | None
) -> ExplanationSpec:
    for key, value in (settings or {}).items():
        _assign(document, key, value, title)
    for key in ("origin", "overrides"):
        if key in document:
            raise SpecError(f"{title}: {key}: no such key; it is set when a spec is read")
    try:
        spec = ExplanationSpec.model_validate(document)
    except ValidationError as error:
        raise SpecError(f"{title}: {first_error(error, ExplanationSpec)}") from None
    resolved = spec.to_document()
    for section in ("model", "data", "baseline"):
        uri = resolved[section]["uri"]
        resolved[section]["uri"] = uri and absolute_uri(uri, folder)
    if served := resolved["model"]["served"]:
        served["uri"] = absolute_uri(served["uri"], folder)
    resolved["store"] = spec.store and absolute_uri(spec.store, folder)
    root = _trusted_root(folder.resolve())
    resolved["origin"] = {"file": str(path or folder), "trusted_root": str(root)}
    return ExplanationSpec.from_resolved(resolved)


def absolute_uri(uri: str, folder: Path) -> str:
    """`uri` itself if it has a scheme or is absolute, else the path below `folder`."""
    return uri if _URI.match(uri) else str((folder / Path(uri).expanduser()).resolve())


def _trusted_root(folder: Path) -> Path:
    """The project's include/ folder that holds the spec, else the spec's own folder."""
    return next((place for place in (folder, *folder.parents) if place.name == "include"), folder)


def _assign(document: dict[str, Any], key: str, value: Any, title: str) -> None:
    """Set `a.b.c` in nested mappings; a short form (a string) on the way is opened up first."""
    short = {"model": "uri", "data": "uri", "baseline": "strategy", "schedule": "cron"}
    *parents, last = key.split(".")
    place = document
    for part in parents:
        inner = place.get(part)
        if isinstance(inner, str) and part in short:
            inner = {short[part]: inner}
        elif inner is None:
            inner = {}
        if not isinstance(inner, dict):
            raise SpecError(f"{title}: {key}: {part} holds no keys that could be set")
        inner = dict(inner)
        place[part] = inner
        place = inner
    place[last] = value
