"""What a model has to hold to before its outputs can be attributed: looked at on a few rows, before a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult, Lookup
from ig_tasks.attribution.repeating import REMEDY, TWICE
from ig_tasks.attribution.result import NOT_FINITE
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import InputError, ModelError

__all__ = ["doubt_of_space", "require_gradients", "require_ids_inside", "require_one_output_a_row"]

Arrays = Mapping[str, NDArray[Any]]

_SAME = 1e-2
"""Difference between two calls, relative to the greatest output, that sums in another order may make."""


def require_ids_inside(
    model: Any,
    inputs: Mapping[str, InputSpec],
    call: Callable[[Arrays], object] | None = None,
    rows: Arrays | None = None,
) -> None:
    """Look every id of a vocabulary up in its layer: rows with rare categories may come late in a run.

    Args:
        call, rows: the model and a few of its rows. A model may change ids before its layer sees them, so that it is
            asked where the layer alone does not have one.

    Raises:
        ModelError: if an id is outside the layer.
    """
    looked_up = {
        name: spec for name, spec in inputs.items() if isinstance(spec.layer, str) and spec.vocabulary is not None
    }
    with Lookup(model).opened({name: str(spec.layer) for name, spec in looked_up.items()}) as lookup:
        for name, spec in looked_up.items():
            known = len(spec.vocabulary or ())
            for field, id_ in (("vocabulary", spec.offset + known - 1), ("unknown", spec.unknown)):
                try:
                    lookup(str(spec.layer), np.full((1, *spec.row_shape), id_ or 0, np.int64))
                except InputError as error:
                    if call is not None and rows is not None and _runs_with_id(call, rows, name, id_ or 0):
                        continue
                    reason = str(error).partition(": ")[2] or str(error)
                    extent = f"{known:,} categories at offset {spec.offset}: " if field == "vocabulary" else ""
                    raise ModelError(f"inputs.{name}.{field}: {extent}{reason}") from None


def _runs_with_id(call: Callable[[Arrays], object], rows: Arrays, name: str, id_: int) -> bool:
    """Whether the model runs on the first row with this id in an input."""
    first = {other: array[:1] for other, array in rows.items()}
    try:
        call({**first, name: np.full_like(first[name], id_)})
    except (InputError, IndexError, RuntimeError):
        return False
    return True


def require_one_output_a_row(
    uri: str, call: Callable[[Arrays, Arrays], NDArray[Any]], inputs: Arrays, fixed: Arrays, output: NDArray[Any]
) -> None:
    """Call the model again on all of the rows, and on the last one alone.

    Args:
        output: (rows,) of the first call.

    Raises:
        ModelError: if no output is a number, if the model is stochastic, or if a row's output depends on other
            rows.
    """
    if not np.isfinite(output).any():
        raise ModelError(f"model.uri: the model at {uri} gives {output[0]} for every row that was tried")
    scale = float(np.nanmax(np.abs(output)))
    again = call(inputs, fixed)
    if (row := _differs(output, again, scale)) is not None:
        raise ModelError(f"model.uri: the model at {uri} {TWICE} {output[row]:.6g} and {again[row]:.6g}; {REMEDY}")
    alone = call({name: array[-1:] for name, array in inputs.items()}, {n: array[-1:] for n, array in fixed.items()})
    if _differs(output[-1:], alone, scale) is not None:
        raise ModelError(
            f"model.uri: the model at {uri} gives {output[-1]:.6g} for a row among others and {alone[0]:.6g} for the "
            "row alone; no row's output may depend on the rows beside it, as batch statistics do"
        )


def require_gradients(uri: str, explained: AttributionResult) -> None:
    """Look at the attributions of the rows that were tried, whose outputs are numbers.

    Raises:
        ModelError: if no row has gradients that are numbers: the whole run would be quarantined.
    """
    finite = np.isfinite(explained.output)
    if finite.any() and (explained.status[finite] == NOT_FINITE).all():
        raise ModelError(
            f"model.uri: the model at {uri} gives outputs for the {int(finite.sum())} rows that were tried, and no "
            "gradient of theirs is a number (NaN or infinite); look for a square root or a division at 0, also behind "
            "torch.where or ops.where, which cannot keep its gradient out"
        )


def doubt_of_space(target: str, space: str, output: NDArray[Any]) -> str | None:
    """What speaks against the space that model.yaml declares; None if nothing does.

    Args:
        output: (rows,) in that space. A few rows do not prove it: logits may lie between 0 and 1 by chance.
    """
    if space != "logit" or not ((output >= 0.0) & (output <= 1.0)).all():
        return None
    return (
        f"targets.{target}.space: model.yaml says logit, and all {len(output)} outputs that were tried lie within 0 "
        f"and 1 ({output.min():.3g} to {output.max():.3g}); if the model ends in a sigmoid or softmax, write "
        "space: probability"
    )


def _differs(output: NDArray[Any], again: NDArray[Any], scale: float) -> int | None:
    """The row whose output changed, if one did."""
    change = np.nan_to_num(np.abs(output - again), nan=0.0)
    return int(np.argmax(change)) if change.max(initial=0.0) > _SAME * scale else None
