"""How many rows had an adverse decision, how many of them have reasons, and which ones most often."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from ig_tasks.stages.reasons.finding import AdverseRow
from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.store.report_reasons import ReasonCount, ReasonsInfo

__all__ = ["Tally"]

_MOSTLY = 0.5
"""Share of the comparisons from which on a decision would be another without a reason."""


class Tally:
    """Counts rows as they pass."""

    def __init__(self, rules: ReasonRules) -> None:
        self._rules = rules
        self._states: Counter[str] = Counter()
        self._listed: Counter[str] = Counter()
        self._first: Counter[str] = Counter()
        self._fewer = 0
        self._dependent: int | None = None
        self._changed: dict[str, list[float]] = {}

    def counting(self, rows: Iterable[AdverseRow]) -> Iterator[AdverseRow]:
        """The same rows."""
        for row in rows:
            self._states[row.state] += 1
            self._listed.update(reason.player.name for reason in row.reasons)
            self._first.update(reason.player.name for reason in row.reasons[:1])
            self._fewer += 0 < len(row.reasons) < self._rules.section.top
            self._count_without(row)
            yield row

    def _count_without(self, row: AdverseRow) -> None:
        """Count what the model said of the decision without each reason, where it was asked."""
        shares = {reason.player.name: reason.without.changed for reason in row.reasons if reason.without is not None}
        known = {name: share for name, share in shares.items() if math.isfinite(share)}
        if shares:
            dependent = max(known.values(), default=0.0) >= _MOSTLY
            self._dependent = (self._dependent or 0) + dependent
        for name, share in known.items():
            count_and_sum = self._changed.setdefault(name, [0.0, 0.0])
            count_and_sum[0] += 1
            count_and_sum[1] += share

    def _other_decision(self, name: str) -> float | None:
        rows, summed = self._changed.get(name, (0.0, 0.0))
        return summed / rows if rows else None

    def info(self, rows_quarantined: int, ablation_why_not: str = "") -> ReasonsInfo:
        """What a report says of them."""
        section, states = self._rules.section, self._states
        with_reasons = states["certified"] + states["tied"]
        counts = [
            ReasonCount(
                name=player.name,
                code=player.code,
                text=player.text,
                rows=self._listed[player.name],
                first=self._first[player.name],
                other_decision=self._other_decision(player.name),
            )
            for player in self._rules.players
            if self._listed[player.name]
        ]
        return ReasonsInfo(
            target=self._rules.target.name,
            space=self._rules.space,
            threshold=section.threshold,
            adverse=section.adverse,
            top=section.top,
            by=section.by,
            rows_adverse=states.total(),
            rows_certified=states["certified"],
            rows_tied=states["tied"],
            rows_without=states["without"],
            rows_fewer=self._fewer,
            rows_unconverged=states["max_evaluations"],
            rows_unverified=states["unverified"],
            rows_quarantined=rows_quarantined,
            tied_share=states["tied"] / with_reasons if with_reasons else None,
            reasons=tuple(sorted(counts, key=lambda reason: (-reason.rows, -reason.first))),
            rows_dependent=self._dependent,
            ablation_why_not=ablation_why_not,
        )
