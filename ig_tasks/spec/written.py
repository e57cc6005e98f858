"""YAML whose text stays text: what a document means by `012`, `no` or `12:30` is decided by the field it stands in.

YAML 1.1 reads a plain 012 as the octal number 10, 2013_10 as 201310, 12:30 as 750, no as false and 1.10 as 1.1. Where
a field is text, the scalar is taken as it is written; everywhere else YAML's reading stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel

__all__ = ["Category", "load_yaml", "value_of"]

_TAG = "tag:yaml.org,2002:"
_STR, _MERGE = f"{_TAG}str", f"{_TAG}merge"
_READ = {f"{_TAG}{name}" for name in ("int", "float", "bool", "timestamp")}
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.[0-9]+|true|false", re.IGNORECASE)


@dataclass(frozen=True)
class Category:
    """Marks the text of a category: its numbers and truth values have spellings of their own, as data hold them too.

    Only what is no plain decimal number, `true` or `false` is taken as it is written.
    """


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML lets a second key of the same name win in silence; that hides a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue  # what is merged in may stand in the mapping again, which then counts
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int) and key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", key_node.start_mark)
            keys.add(key if isinstance(key, str | int) else id(key_node))
        return super().construct_mapping(node, deep)


def load_yaml(text: str, model: Any) -> Any:
    """The document in `text`, its scalars read as the fields of `model` (a pydantic class, or any annotation) ask for.

    Raises:
        yaml.YAMLError: if it is not YAML, or a key is there twice.
    """
    loader = _UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _take_as_written(node, model)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def value_of(text: str, model: type[BaseModel], key: str) -> Any:
    """The value `text` of the field that the dotted `key` names, read as in a document of `model`.

    Raises:
        yaml.YAMLError: if it is not YAML.
    """
    annotation: Any = model
    for part in key.split("."):
        within = [inner for member in _members(annotation) for inner in _annotations_under(member, part)]
        annotation = Union[tuple(within)] if within else Any  # noqa: UP007 - made of a list
    return load_yaml(text, annotation)


def _take_as_written(node: yaml.Node, annotation: Any) -> None:
    members = list(_members(annotation))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag == _MERGE:
                _take_as_written(value, annotation)
                continue
            within = [inner for member in members for inner in _annotations_under(member, str(key.value))]
            if within and key.tag in _READ:
                key.tag = _STR
            for inner in within:
                _take_as_written(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            for member in members:
                for inner in _items(member):
                    _take_as_written(item, inner)
    elif node.tag in _READ and _is_text(node, members):
        node.tag = _STR


def _is_text(node: yaml.Node, members: Sequence[Any]) -> bool:
    """Whether a scalar that YAML would read as something else is text here."""
    # One name stands for a list of one, one text for the section's main field.
    members = [flat for member in members for flat in (_flattened(member))]
    if Category in members or (str in members and any(kind in members for kind in (int, float, bool))):
        return _DECIMAL.fullmatch(node.value) is None
    return str in members


def _flattened(member: Any) -> Iterator[Any]:
    items = list(_items(member))
    if items:
        for item in items:
            yield from _members(item)
    elif isinstance(member, type) and issubclass(member, BaseModel):
        yield str
    else:
        yield member


def _members(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation, and `Category` where it is marked so."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        yield from (Category for mark in marks if isinstance(mark, Category))
        yield from _members(inner)
    elif origin is Literal:
        return
    elif (origin is not None and type(None) in get_args(annotation)) or _is_union(annotation):
        for alternative in get_args(annotation):
            yield from _members(alternative)
    elif annotation is not type(None):
        yield annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) is Union or type(annotation).__name__ == "UnionType"


def _annotations_under(member: Any, key: str) -> Iterator[Any]:
    """The annotations of what stands under a key."""
    if isinstance(member, type) and issubclass(member, BaseModel):
        if key in member.model_fields:
            field = member.model_fields[key]
            marks = tuple(mark for mark in field.metadata if isinstance(mark, Category))
            yield Annotated[field.annotation, *marks] if marks else field.annotation
    elif get_origin(member) is dict:
        yield get_args(member)[1]


def _items(member: Any) -> Iterator[Any]:
    """The annotations of what stands in a list."""
    if get_origin(member) in (tuple, list):
        yield from (item for item in get_args(member) if item is not Ellipsis)
