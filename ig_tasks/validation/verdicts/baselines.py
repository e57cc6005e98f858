"""What the choice of the baseline does to importances, read off the baseline doctor's table of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.presentation.percentages import percent
from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.store import Folder, read_sealed
from ig_tasks.store.report import BaselineStability, ComparedBaseline, Verdict
from ig_tasks.validation.verdicts.feature_labels import UNNAMED, Presented, label_of

__all__ = ["BaselineTable", "unstable_verdicts"]

Floats = NDArray[np.float64]

_LEAST_SHARE = 0.01
"""Features are spoken of from this share of all importance on, from one of the baselines."""


@dataclass(frozen=True)
class BaselineTable:
    """Shares of all importance by feature, from several baselines, on the same rows.

    others: {baseline: shares (features,)} of those that are compared with `own`.
    """

    own_name: str
    features: tuple[str, ...]
    own: Floats
    others: Mapping[str, Floats]
    rows: int
    why_not: str = ""

    @classmethod
    def read(cls, folder: Folder, name: str | None) -> BaselineTable | None:
        """The table in a file of a name's folder; None where there is no such file.

        Raises:
            DamagedError: if it is not what was written.
        """
        if name is None or not folder.exists(name):
            return None
        return cls.of(read_sealed(folder, name))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> BaselineTable:
        """The table in a document of `table_of_rows`."""
        nothing = np.empty(0)
        if why := document.get("why_not", ""):
            return cls("", (), nothing, {}, 0, why)
        candidates = {candidate["name"]: candidate for candidate in document["candidates"]}
        own, features = str(document["own"]), tuple(document["features"])
        if own not in candidates:
            return cls(own, features, nothing, {}, 0, f"baseline {own} could not be tried")
        if not np.nan_to_num(np.asarray(candidates[own]["abs_mean"], np.float64)).sum() > 0:
            return cls(own, features, nothing, {}, 0, f"no row that was tried differs from baseline {own}")
        shares = {name: _shares(candidate["abs_mean"]) for name, candidate in candidates.items()}
        others_with_effect = [name for name, shares_of in shares.items() if name != own and shares_of.sum() > 0]
        sound = [name for name in others_with_effect if not candidates[name]["problems"]]
        others = {name: shares[name] for name in sound or others_with_effect}
        # The same importances to the last bit are those of the same baseline, and prove nothing.
        others = {
            name: shares_of for name, shares_of in others.items() if not np.array_equal(shares_of, shares[own])
        } or others
        return cls(own, features, shares[own], others, int(document["rows"]))

    def stability(self) -> BaselineStability:
        """How much of the importance stays where it is."""
        overlaps = {name: float(np.minimum(self.own, other).sum()) for name, other in self.others.items()}
        why_not = self.why_not or ("" if overlaps else "there is no other baseline to compare with")
        return BaselineStability(
            value=float(np.mean(list(overlaps.values()))) if overlaps else None,
            own=self.own_name,
            compared=tuple(ComparedBaseline(name=name, overlap=overlap) for name, overlap in overlaps.items()),
            rows=self.rows,
            why_not=why_not,
        )


def unstable_verdicts(
    target: str, table: BaselineTable, settings: VerdictsSpec, presented: Presented = UNNAMED
) -> Iterator[Verdict]:
    """Features whose share of all importance is another from a baseline that is as good."""
    limit = settings.unstable.at_least
    for place, feature in enumerate(table.features):
        changes = {name: _change(float(table.own[place]), float(other[place])) for name, other in table.others.items()}
        name = max(changes, key=lambda other_name: changes[other_name], default=None)
        if name is None or changes[name] < limit:
            continue
        yield Verdict(
            target=target,
            feature=feature,
            verdict="unstable",
            why=f"The importance of {label_of(presented, feature)} hangs on the baseline: "
            f"{percent(table.own[place], 1)} of all importance from {table.own_name}, "
            f"{percent(table.others[name][place], 1)} from {name} (on {table.rows} rows).",
            figure=changes[name],
            threshold=limit,
            severity=settings.unstable.severity,
            remedy="Decide which comparison is meant, and name its baseline in the spec; ig-tasks check tells more.",
        )


def _change(first: float, second: float) -> float:
    """The change of a share over the mean of both; 0 of shares that are too small to speak of."""
    return 0.0 if max(first, second) < _LEAST_SHARE else abs(first - second) / ((first + second) / 2)


def _shares(sizes: list[float]) -> Floats:
    shares = np.nan_to_num(np.asarray(sizes, np.float64))
    total = shares.sum()
    return shares / total if total > 0 else shares
