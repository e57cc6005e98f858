"""A number that model.yaml names for missing ones is held against what the model itself makes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import ModelError

__all__ = ["require_gaps_alike"]

Arrays = Mapping[str, NDArray[Any]]

_COLUMNS = 64
"""Columns of one input that are looked at: each is a row of one call."""
_ALIKE = 1e-4
"""Difference of outputs, relative to the greatest, that sums in another order may make."""


def require_gaps_alike(output: Callable[[Arrays], NDArray[Any]], rows: Arrays, inputs: Mapping[str, InputSpec]) -> None:
    """Call the model with a gap in each column, and with the number that model.yaml names in its place.

    A model that gives no number for a gap, or refuses it, leaves gaps to whoever calls it: it is right then.

    Args:
        output: the model's output (rows,) of encoded rows.
        rows: encoded rows, of which the first is taken.

    Raises:
        ModelError: if the model itself has another number in place of a gap than model.yaml says.
    """
    for name, spec in inputs.items():
        fills = {place: spec.in_place_of_gaps(column) for place, column in enumerate(spec.columns)}
        places = [place for place, fill in fills.items() if fill is not None][:_COLUMNS]
        if not places:
            continue
        filled = {each: np.repeat(array[:1], len(places), axis=0) for each, array in rows.items()}
        gapped = {**filled, name: filled[name].copy()}
        for row, place in enumerate(places):
            filled[name][row, place] = fills[place]
            gapped[name][row, place] = np.nan
        own = np.full(len(places), np.nan)
        with contextlib.suppress(Exception):  # whatever the model's code raises, it does not take gaps
            own = output(gapped)
        named = output(filled)
        scale = float(np.abs(named).max(initial=0.0))
        differs = np.isfinite(own) & (np.abs(own - named) > _ALIKE * scale)
        if differs.any():
            row = int(np.argmax(differs))
            column = spec.columns[places[row]]
            raise ModelError(
                f"inputs.{name}.missing: with a gap in {column} the model gives {own[row]:.6g}, and with "
                f"{fills[places[row]]:g} in its place {named[row]:.6g}; name the number that the model "
                "itself puts there"
            )
