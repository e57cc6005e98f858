"""What a framework's side sees when a model runs on a few rows: layers that are called, ways that inputs take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["CUTS", "Call", "Cut", "Labels", "Observation", "Route", "cut_off"]

CUTS = {
    "arg-max": "an arg-max",
    "comparison": "a comparison",
    "detached": "detach or no_grad",
    "embedding": "an embedding layer",
    "integers": "a cast to integers",
    "one-hot": "one-hot encoding",
    "rounding": "rounding",
    "strings": "a lookup of strings",
    "table": "a lookup in a table",
    "outside": "numbers that leave the framework",
}
"""{kind of operation behind which there is no gradient: in words}"""


class Cut(NamedTuple):
    """An operation behind which there is no gradient, and its name and layer in words."""

    kind: str
    where: str

    def __str__(self) -> str:
        return f"{CUTS[self.kind]} ({self.where})"


class Route(NamedTuple):
    """One way by which a value depends on an input; `cut` is the first place where its gradient is lost."""

    input: str
    cut: Cut | None = None


Labels = frozenset[Route | str]
"""What a value depends on: inputs by some route, and (as strings) the outputs of layers."""


@dataclass(frozen=True)
class Call:
    """One run of a layer in a pass through the model."""

    layer: str
    kind: Literal["embedding", "bag", "layer"]
    takes: str | None  # the input whose values it was called with, as they are
    made_of: tuple[str, ...]  # the inputs that what it was called with is made of
    behind: frozenset[str]  # the layers that it depends on
    vocabulary: int | None
    width: int | None
    per_id: bool  # whether it gives one vector per id


@dataclass(frozen=True)
class Observation:
    """One pass of a few rows."""

    calls: tuple[Call, ...] = ()
    routes: frozenset[Route] = frozenset()  # by which the outputs depend on inputs
    left: frozenset[Route] = frozenset()  # by which inputs left the framework: what became of them is not seen
    clear: bool = True  # False: the model cannot be seen through, so that routes say nothing


def cut_off(labels: Labels, cut: Cut) -> Labels:
    """The labels behind an operation without a gradient."""
    return frozenset(label if isinstance(label, str) else Route(label.input, label.cut or cut) for label in labels)
