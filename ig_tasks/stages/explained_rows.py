"""Attributions of a shard's encoded rows, without those with which the model raises."""

from __future__ import annotations

import pandas as pd

from ig_tasks.attribution import AttributionResult
from ig_tasks.baselines.segments import segments_of
from ig_tasks.data.encoding import Encoded
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.spec import AttributionSpec
from ig_tasks.stages.row_isolation import Rows, isolate_rows

__all__ = ["explain_rows"]

_PROBE = AttributionSpec(integrator="gauss_legendre", steps=2)
"""Finds most rows with which a model raises at a small part of the cost."""


def explain_rows(
    prepared: PreparedModel,
    encoded: Encoded,
    frame: pd.DataFrame,
    settings: AttributionSpec,
    *,
    memory_limit: int,
    where: str,
) -> tuple[AttributionResult | None, Encoded]:
    """Explain the rows that were encoded; those with which the model raises are refused, in its own words.

    Args:
        frame: the rows (rows, columns) that `encoded` was made of.
        where: names the model and the rows, for a message.

    Returns:
        The attributions, None if no row has any, and what is left of `encoded`.

    Raises:
        UserError: what the engine says, or that the model raises with too many rows.
    """
    kept = frame[encoded.keep]
    if kept.empty:
        return None, encoded

    def call(rows: Rows, asked: AttributionSpec) -> AttributionResult:
        # All of them as they are: nothing is copied where no row raises.
        whole = len(rows) == len(kept)
        chosen = kept if whole else kept.iloc[rows]
        return prepared.attribute(
            encoded.inputs if whole else {name: array[rows] for name, array in encoded.inputs.items()},
            asked,
            memory_limit=memory_limit,
            fixed=encoded.fixed if whole else {name: array[rows] for name, array in encoded.fixed.items()},
            segments=segments_of(chosen, [prepared.segment]) if prepared.segment else {},
            refuse=False,
        )

    result, refused = isolate_rows(
        lambda rows: call(rows, settings), len(kept), probe=lambda rows: call(rows, _PROBE), where=where
    )
    return result, encoded.without(refused)
