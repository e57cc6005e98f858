"""The inputs of a bare artifact, as its own signature tells them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ig_tasks.data.inputs import InputSpec

__all__ = ["input_of"]


def input_of(name: str, dtype: str, shape: Sequence[int | None], layer: str | None = None) -> InputSpec | None:
    """An input of one row's `shape` (None: any length); `layer` embeds it. None for what no path can run through.

    A vector of numbers has a column for each, called `name[0]`, `name[1]`, ...; one id a row is a category.
    """
    try:
        integer = np.issubdtype(np.dtype(dtype), np.integer)
    except TypeError:
        return None
    known = tuple(1 if size is None else int(size) for size in shape)
    if integer and not known:
        return InputSpec(columns=(name,), dtype=dtype, layer=layer)
    if not integer and len(known) == 1:
        columns = (name,) if known == (1,) else tuple(f"{name}[{place}]" for place in range(known[0]))
        return InputSpec(columns=columns, dtype=dtype)
    return InputSpec(columns=(name,), kind="array", dtype=dtype, shape=known, layer=layer)
