"""Columns of a shard's table: what the engine said of each row, what the row held, and its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.attribution.result import AttributionResult
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.features import Feature, feature_texts
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.tokens import words_of
from ig_tasks.statistics import Levels

__all__ = ["engine_columns", "texts_of", "token_columns"]


def engine_columns(explanation: AttributionResult | None, usable: NDArray[np.bool_]) -> dict[str, Any]:
    """Outputs, errors, evaluations and statuses of the usable ones among the rows that were explained."""
    figures = ("output", "baseline_output", "convergence_delta", "relative_delta", "error_estimate")
    if explanation is None:
        empty = {name: pa.array([], pa.float64()) for name in figures}
        return empty | {"evaluations": pa.array([], pa.int32()), "status": pa.array([], pa.string())}
    columns = {name: pa.array(np.asarray(getattr(explanation, name), np.float64)[usable]) for name in figures}
    columns["evaluations"] = pa.array(np.asarray(explanation.evaluations)[usable].astype(np.int32))
    columns["status"] = pa.array(np.asarray(explanation.status)[usable].astype(object), pa.string())
    return columns


def texts_of(
    chosen: pd.DataFrame,
    feature: Feature,
    categories: Mapping[str, Levels],
    inputs: Mapping[str, InputSpec] | None,
) -> pa.Array:
    """What the rows held of a feature that is not a number; null where that cannot be said in a word."""
    if feature.name in categories:
        return categories[feature.name].texts()
    empty = np.full(len(chosen), None, dtype=object)
    texts = feature_texts(chosen[feature.column], feature, inputs) if feature.column else empty
    return pa.array(texts, pa.string())


def token_columns(
    explanation: AttributionResult | None,
    encoded: Encoded | None,
    inputs: Mapping[str, InputSpec],
    usable: NDArray[np.bool_],
) -> dict[str, pa.Array]:
    """Columns `tokens:<input>` and `token_attributions:<input>` of every input of padded ids, without the padding."""
    columns: dict[str, pa.Array] = {}
    for name, spec in inputs.items():
        if not spec.padded:
            continue
        words: list[Any] = []
        parts: list[Any] = []
        if explanation is not None and encoded is not None and isinstance(explanation.attributions, dict):
            is_token = encoded.token_masks[name][usable]
            texts = words_of(encoded.inputs[name][usable], is_token, spec)
            words = [row[is_word].tolist() for row, is_word in zip(texts, is_token, strict=True)]
            attributions = np.asarray(explanation.attributions[name], np.float64)[usable]
            parts = [row[is_word] for row, is_word in zip(attributions, is_token, strict=True)]
        columns[f"tokens:{name}"] = pa.array(words, pa.list_(pa.string()))
        columns[f"token_attributions:{name}"] = pa.array(parts, pa.list_(pa.float64()))
    return columns
