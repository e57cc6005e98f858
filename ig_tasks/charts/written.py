"""A chart in Vega-Lite's own words: a page of a dozen charts is drawn without Altair, which takes 25 ms for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Written", "field", "tooltips"]

_TYPES = {"N": "nominal", "Q": "quantitative", "O": "ordinal"}


@dataclass(frozen=True)
class Written:
    """Layers over named rows; what they share is said once.

    Attributes:
        layers: with `mark`, `encoding` and the name of their rows.
        datasets: {name: rows}.
        encoding: of all layers.
    """

    layers: Sequence[Mapping[str, Any]]
    datasets: Mapping[str, Sequence[Mapping[str, Any]]]
    encoding: Mapping[str, Any]

    def to_dict(self, validate: bool = True) -> dict[str, Any]:  # noqa: ARG002 - Altair's signature
        """The document, as Altair's charts give theirs."""
        return {
            "config": {"view": {"continuousWidth": 300, "continuousHeight": 300}},
            "encoding": dict(self.encoding),
            "layer": [dict(layer) for layer in self.layers],
            "datasets": dict(self.datasets),
        }

    def altair(self) -> Any:
        """The chart as Altair's, to be combined with others."""
        import altair as alt

        return alt.Chart.from_dict(self.to_dict())


def field(column: str, **options: Any) -> dict[str, Any]:
    """A channel of a column.

    Args:
        column: with its type, as in `mean:Q`.
        options: of the channel.
    """
    name, _, kind = column.rpartition(":")
    return {"field": name, "type": _TYPES[kind], **options}


def tooltips(titles: Mapping[str, str], figures: str = ".4g") -> list[dict[str, Any]]:
    """What a page says of a mark under the pointer.

    Args:
        titles: {column with its type: its name in words}.
        figures: how numbers are written.
    """
    return [
        field(column, title=title, **({"format": figures} if column.endswith(":Q") else {}))
        for column, title in titles.items()
    ]
