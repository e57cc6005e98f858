"""The kinds of inputs: which keys of model.yaml each takes, and the shape of its arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ig_tasks.data.keys import InputKeys
from ig_tasks.errors import suggest

__all__ = ["KINDS", "check_kind", "default_dtype", "shape_of", "spatial"]


@dataclass(frozen=True)
class _Rule:
    """What goes with a kind. `columns`: how many it takes, "one", "many" or "none"."""

    columns: Literal["one", "many", "none"]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    integer: bool | None = None
    """Whether its numbers have to be whole; None: either."""


_IDS = ("vocabulary", "offset", "unknown", "layer")
KINDS: Mapping[str, _Rule] = {
    "numeric": _Rule("many", takes=("layer", "missing"), integer=False),
    "categorical": _Rule("many", takes=_IDS, integer=True),
    "one_hot": _Rule("many", takes=("vocabulary", "unknown_zeros"), integer=False),
    "bag": _Rule("one", ("vocabulary",), (*_IDS, "unknown_zeros", "separator", "length", "padding", "special")),
    "tokens": _Rule("one", ("length",), (*_IDS, "tokenizer", "padding", "special", "standardize"), integer=True),
    "mask": _Rule("none", takes=("of", "shape")),
    "image": _Rule("one", ("shape",), ("scale", "channels", "grid"), integer=False),
    "series": _Rule("many", ("length",), ("channels",), integer=False),
    "array": _Rule("many", ("shape",), ("layer", "features")),
}
_OPTIONS = sorted({name for rule in KINDS.values() for name in (*rule.needs, *rule.takes)})
_DEFAULTS: Mapping[str, Any] = {"offset": 0, "padding": 0, "special": (), "scale": 1.0, "channels": "last"}


def default_dtype(data: Mapping[str, Any]) -> str:
    """The dtype of an input whose model.yaml names none."""
    kind = data.get("kind")
    if kind in ("categorical", "tokens", "mask"):
        return "int64"
    if kind == "bag":
        return "int64" if data.get("length") is not None else "float32"
    return "int64" if kind is None and data.get("vocabulary") is not None else "float32"


def check_kind(spec: InputKeys) -> None:
    """Raise ValueError for keys that are missing or do not go with the kind."""
    kind, rule = spec.kind, KINDS[spec.kind]
    _check_columns(spec, rule)
    for name in rule.needs:
        if getattr(spec, name) is None:
            raise ValueError(f"{name}: an input of kind '{kind}' needs it")
    _check_missing(spec, rule)
    for name in _OPTIONS:
        is_set = getattr(spec, name) not in (None, False, _DEFAULTS.get(name))
        if is_set and name not in (*rule.needs, *rule.takes):
            shown = "unknown: zeros" if name == "unknown_zeros" else name
            raise ValueError(f"{shown}: does not go with an input of kind '{kind}'")
    if spec.vocabulary is not None and rule.integer and not spec.integer:
        raise ValueError(f"a vocabulary gives integer ids, and dtype is '{spec.dtype}'")
    if rule.integer is not None and rule.integer != spec.integer:
        raise ValueError(f"dtype: an input of kind '{kind}' is not of '{spec.dtype}'")
    _check_layer(spec)
    if kind in ("bag", "tokens"):
        _check_lists(spec)
    elif kind == "mask" and (spec.of is None) == (spec.shape is None):
        raise ValueError("of: a mask is made with the input it names; with `shape` instead it comes from preprocess")
    elif kind == "image":
        _check_image(spec)
    elif kind == "array" and spec.features is not None:
        last = (spec.shape or (0,))[-1:]
        if last != (len(spec.features),) or len(set(spec.features)) != len(spec.features):
            raise ValueError(
                f"features: {len(spec.features)} names for the last axis of shape {list(spec.shape or ())}"
            )


def _check_columns(spec: InputKeys, rule: _Rule) -> None:
    count = len(spec.columns)
    if any(not column.strip() for column in spec.columns):
        raise ValueError("columns: a name is empty or blank, which no message or report can show; rename the column")
    # A mask from preprocess may read columns of its own.
    if rule.columns == "none" and spec.shape is None:
        if count:
            raise ValueError("columns: a mask is made with the input that `of` names, and reads none")
    elif rule.columns != "none" and not count:
        raise ValueError("columns: no columns; name what the input is made of")
    elif (spec.vocabulary is not None or rule.columns == "one") and count > 1:
        reason = "a vocabulary" if spec.vocabulary is not None else f"kind '{spec.kind}'"
        raise ValueError(f"{reason} goes with one column, and there are {count}")


def _check_layer(spec: InputKeys) -> None:
    """Layers column by column: each column has one, and none is named that is not there."""
    if not isinstance(spec.layer, dict):
        if spec.layer is not None and not all(spec.layer_names):
            raise ValueError("layer: it is empty; give the name of a layer, a list of names, or {column: name}")
        return
    count = len(spec.columns) if spec.kind == "categorical" else shape_of(spec)[-1]
    known = list(spec.columns) if spec.kind == "categorical" else []
    for column in spec.layer:
        if column not in known and not (isinstance(column, int) and 0 <= column < count):
            raise ValueError(
                f"layer: '{column}' is not a column of the input{suggest(str(column), known, noun='columns')}"
            )
    left = set(range(count)) - set(spec.layers or ())
    if left:
        names = [known[place] if known else str(place) for place in sorted(left)]
        raise ValueError(f"layer: column {', '.join(names)} has none")


def _check_missing(spec: InputKeys, rule: _Rule) -> None:
    numbers = spec.missing.values() if isinstance(spec.missing, dict) else [spec.missing or 0.0]
    if spec.missing is not None and "missing" not in rule.takes:
        raise ValueError(f"missing: does not go with an input of kind '{spec.kind}'")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("missing: name finite numbers; no path leads to a missing one")
    for column in spec.missing if isinstance(spec.missing, dict) else ():
        if column not in spec.columns:
            raise ValueError(f"missing: '{column}' is not a column of the input{suggest(column, spec.columns)}")


def _check_lists(spec: InputKeys) -> None:
    if spec.kind == "tokens" and (spec.tokenizer is None) == (spec.vocabulary is None):
        raise ValueError("tokenizer: give a tokenizer.json, or a vocabulary of words, one of them")
    if spec.kind == "tokens" and spec.tokenizer is not None and (spec.offset or spec.unknown is not None):
        raise ValueError("unknown and offset need a vocabulary; a tokenizer has its own ids")
    if spec.tokenizer is not None and spec.standardize is not None:
        raise ValueError("standardize: goes with a vocabulary; a tokenizer splits texts itself")
    if spec.kind == "bag" and spec.integer != (spec.length is not None):
        raise ValueError("length: a bag of ids needs one; without it the input is zeros and ones, of a float dtype")
    if spec.kind == "bag" and spec.length is None and (spec.layer is not None or spec.offset):
        raise ValueError("layer and offset: they go with ids; give the bag a `length`")
    if spec.kind == "bag" and spec.length is not None and spec.unknown_zeros:
        raise ValueError("unknown: zeros: a bag of ids has an id for unknown categories, or none")


def _check_image(spec: InputKeys) -> None:
    shape = spec.shape or ()
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ValueError(f"shape: an image is [height, width] or has an axis of channels, and this is {list(shape)}")
    height, width = spatial(shape, spec.channels)
    if spec.grid is not None and not (1 <= spec.grid[0] <= height and 1 <= spec.grid[1] <= width):
        raise ValueError(f"grid: {list(spec.grid)} cells do not fit into {height} x {width} pixels")


def spatial(shape: tuple[int, ...], channels: str) -> tuple[int, int]:
    """Height and width of an image of this shape."""
    height, width = (shape[1:] if channels == "first" else shape[:2]) if len(shape) == 3 else shape
    return height, width


def shape_of(spec: InputKeys) -> tuple[int, ...]:
    """Shape of one row's array; of a mask that belongs to another input, ()."""
    if spec.kind == "categorical":
        return () if len(spec.columns) == 1 else (len(spec.columns),)
    if spec.kind in ("one_hot", "bag", "tokens"):
        if spec.length is not None:
            return (spec.length,)
        return (len(spec.vocabulary) if spec.vocabulary is not None else len(spec.columns),)
    if spec.kind == "series":
        axes = (spec.length or 0, len(spec.columns))
        return axes if spec.channels == "last" else axes[::-1]
    if spec.kind in ("mask", "image", "array"):
        return spec.shape or ()
    return (len(spec.columns),)
