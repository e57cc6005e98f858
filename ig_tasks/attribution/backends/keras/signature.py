"""What decides a traced function of a Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ig_tasks.attribution.targets import Head

__all__ = ["Signature", "cast_float"]

_Spec = tuple[tuple[str, str, tuple[int, ...]], ...]


def cast_float(dtype: str) -> str:
    """The dtype of path points for an input declared as `dtype`."""
    return dtype if "float" in dtype and dtype != "bfloat16" else "float32"


@dataclass(frozen=True)
class Signature:
    """What decides the traced graph: names, dtypes and shapes without the rows."""

    starts: _Spec
    ends: _Spec
    fixed: _Spec
    constants: tuple[tuple[str, Any], ...]
    layers: tuple[tuple[str, str], ...]
    output: Head
    named: bool
    names: tuple[str, ...]
    placed: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        starts: dict[str, Any],
        ends: dict[str, Any],
        fixed: dict[str, Any],
        *,
        layers: dict[str, str],
        output: Head,
        named: bool,
        names: tuple[str, ...],
        placed: tuple[str, ...] = (),
    ) -> Signature:
        arrays = {name: value for name, value in fixed.items() if isinstance(value, np.ndarray)}
        constants = tuple((name, value) for name, value in fixed.items() if name not in arrays)
        return cls(
            _spec(starts), _spec(ends), _spec(arrays), constants, tuple(layers.items()), output, named, names, placed
        )


def _spec(arrays: Mapping[str, np.ndarray[Any, Any]]) -> _Spec:
    return tuple((name, array.dtype.name, array.shape[1:]) for name, array in arrays.items())
