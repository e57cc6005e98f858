"""Vertex AI's ExplanationSpec, found in what holds it: a file of metadata alone, a Model, an endpoint, a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ig_tasks.errors import SpecError

__all__ = ["explanation_spec"]

_HOLDERS = ("explanationSpec", "explanationSpecOverride")
_METADATA = {"inputs", "outputs"}


def explanation_spec(document: Any) -> Mapping[str, Any]:
    """The ExplanationSpec of a document, with the names of the REST API.

    Args:
        document: an ExplanationSpec; what holds one, however deep (a Model, a request, an endpoint's DeployedModel);
            or metadata alone, the file that `gcloud ai models upload` takes.

    Raises:
        SpecError: if there is no ExplanationSpec, or several.
    """
    written = _camel(document)
    if isinstance(written, Mapping) and set(written) >= _METADATA:
        return {"metadata": written}
    found = list(_held(written, ""))
    if len(found) > 1:
        raise SpecError(f"there are {len(found)} ExplanationSpecs ({', '.join(place for place, _ in found)}); give one")
    spec = found[0][1] if found else written
    if not isinstance(spec, Mapping) or not {"parameters", "metadata"} & set(spec):
        raise SpecError("there is no ExplanationSpec: neither parameters nor metadata nor explanationSpec is there")
    for key in ("parameters", "metadata"):
        if not isinstance(spec.get(key) or {}, Mapping):
            raise SpecError(f"{key}: it has keys of its own in an ExplanationSpec")
    return spec


def _held(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """(place, spec) of every ExplanationSpec in a document."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            place = f"{where}.{key}" if where else str(key)
            if key in _HOLDERS and item:
                yield place, item
            elif key not in _METADATA:
                yield from _held(item, place)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _held(item, f"{where}[{number}]")


def _camel(value: Any, *, names: bool = False) -> Any:
    """Keys in camelCase; the names of features and outputs, and what is in a baseline, stay as they are."""
    if isinstance(value, Mapping):
        renamed = {}
        for key, item in value.items():
            written = str(key) if names else re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), str(key))
            is_data = written in ("inputBaselines", "encodedBaselines") and not names
            renamed[written] = item if is_data else _camel(item, names=written in _METADATA and not names)
        return renamed
    return [_camel(item) for item in value] if isinstance(value, list) else value
