"""A chart's document in other colours: those of a dark page, or the names of a style sheet's variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["recoloured"]

_OF_DATA = "colour"
"""The column of a chart's rows that holds colours; its other columns hold names and numbers of the data."""


def recoloured(part: Any, colours: Mapping[str, str]) -> Any:
    """A part of a chart's document, with each colour replaced; words of the data are left alone.

    Args:
        part: mappings, lists and texts of a Vega-Lite document.
        colours: {colour as the chart functions write it: what to write instead}.

    >>> recoloured({"mark": {"color": "red"}, "data": {"values": [{"label": "red"}]}}, {"red": "blue"})
    {'mark': {'color': 'blue'}, 'data': {'values': [{'label': 'red'}]}}
    """
    if isinstance(part, str):
        return colours.get(part, part)
    if isinstance(part, Mapping):
        return {key: _recoloured_entry(key, item, colours) for key, item in part.items()}
    if isinstance(part, list):
        return [recoloured(item, colours) for item in part]
    return part


def _recoloured_entry(key: str, part: Any, colours: Mapping[str, str]) -> Any:
    if key == "domain":
        return part
    if key == "values" and isinstance(part, list):
        return [_row(row, colours) for row in part]
    if key == "datasets" and isinstance(part, Mapping):
        return {name: [_row(row, colours) for row in rows] for name, rows in part.items()}
    return recoloured(part, colours)


def _row(row: Any, colours: Mapping[str, str]) -> Any:
    if not isinstance(row, Mapping) or not isinstance(row.get(_OF_DATA), str):
        return row
    return {**row, _OF_DATA: colours.get(row[_OF_DATA], row[_OF_DATA])}
