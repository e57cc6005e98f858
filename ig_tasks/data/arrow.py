"""Columns of any Arrow type, as those that pandas reads and rows can be taken from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

__all__ = ["plain_column", "plain_type"]


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that holds the same values: no dictionaries, views, run ends or extensions, at any depth."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.large_string()
    if pa.types.is_binary_view(kind):
        return pa.large_binary()
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(plain_type(kind.value_type))
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain_type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    return kind


def plain_column(values: Any) -> Any:
    """A (chunked) array in its `plain_type`. Raises pyarrow's ArrowInvalid or ArrowNotImplementedError."""
    kind = plain_type(values.type)
    if kind.equals(values.type):
        return values
    if pa.types.is_list_view(values.type) or pa.types.is_large_list_view(values.type):
        return pa.array(values.to_pylist(), kind)  # Arrow's own cast leaves offsets that it calls invalid itself
    return values.cast(kind)
