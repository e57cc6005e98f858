"""Whether a decision depended on a reason: what the model says with the reason's values taken from the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.statistics.packing import pack, unpack

__all__ = ["Without", "WithoutReasons", "without"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PLACES = 12
"""Decimal places of shares: shares of a fiftieth do not quite add up to one."""


class Without(NamedTuple):
    """A decision with a reason's values taken from the comparison, all else as it is.

    Attributes:
        result: in the threshold's space, the mean over the baselines; NaN where the model takes none of them.
        changed: the share of the baselines with which the decision would not be adverse; NaN likewise.
    """

    result: float
    changed: float


def without(rules: ReasonRules, outputs: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """`result` and `changed` of rows, each (rows,), as `Without` has them.

    Args:
        outputs: (baselines, rows) in the space explained.
        shares: (baselines,) what each baseline counts.
    """
    known = np.isfinite(outputs).all(axis=0)
    taken = np.where(known, outputs, 0.0)
    numbers = np.stack([rules.in_space(of_baseline) for of_baseline in taken])
    changed = np.round(shares @ ~np.stack([rules.adverse(of_baseline) for of_baseline in taken]), _PLACES)
    return np.where(known, shares @ numbers, np.nan), np.where(known, changed, np.nan)


@dataclass(frozen=True, eq=False)
class WithoutReasons:
    """The decisions on a shard's adverse rows without each of their reasons.

    Attributes:
        places: (rows,) of the rows that have reasons, among all rows of the shard's table; increasing.
        reasons: (rows,) how many each has.
        results, changed: (reasons of all rows,) as `Without` has them, row by row.
    """

    places: Ints
    reasons: Ints
    results: Floats
    changed: Floats

    def of_row(self, place: int) -> list[Without]:
        """Those of the row at a place of the table, a reason each; empty of a row without reasons."""
        at = int(np.searchsorted(self.places, place))
        if at == len(self.places) or self.places[at] != place:
            return []
        end = int(self._ends[at])
        some = slice(end - int(self.reasons[at]), end)
        return [Without(*both) for both in zip(self.results[some].tolist(), self.changed[some].tolist(), strict=True)]

    @cached_property
    def _ends(self) -> Ints:
        return np.cumsum(self.reasons)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` turns back into the same bits."""
        ints = {name: pack(getattr(self, name).astype(np.int64)) for name in ("places", "reasons")}
        return {**ints, "results": pack(self.results), "changed": pack(self.changed)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        places, reasons = (unpack(document[name], np.int64) for name in ("places", "reasons"))
        return cls(places, reasons, *(unpack(document[name], np.float64) for name in ("results", "changed")))
