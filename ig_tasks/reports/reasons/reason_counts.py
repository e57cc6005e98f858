"""How many rows had an adverse decision, how many of them have reasons, and which ones most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ig_tasks.reports.reasons.finding import AdverseRow
from ig_tasks.stages.reason_rules import ReasonRules
from ig_tasks.store.report_reasons import ReasonCount, ReasonsInfo

__all__ = ["Tally"]


class Tally:
    """Counts rows as they pass."""

    def __init__(self, rules: ReasonRules) -> None:
        self._rules = rules
        self._states: Counter[str] = Counter()
        self._listed: Counter[str] = Counter()
        self._first: Counter[str] = Counter()
        self._fewer = 0

    def counting(self, rows: Iterable[AdverseRow]) -> Iterator[AdverseRow]:
        """The same rows."""
        for row in rows:
            self._states[row.state] += 1
            self._listed.update(reason.player.name for reason in row.reasons)
            self._first.update(reason.player.name for reason in row.reasons[:1])
            self._fewer += 0 < len(row.reasons) < self._rules.section.top
            yield row

    def info(self, rows_quarantined: int) -> ReasonsInfo:
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
        )
