"""The adverse rows of a run with their reasons, one shard after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ig_tasks.attribution.result import CONVERGED
from ig_tasks.stages.computed_run import ComputedRun
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.stages.reasons.bounds import row_bounds
from ig_tasks.stages.reasons.principal_reasons import Ranked, rank_reasons
from ig_tasks.stages.reasons.rules import Player, ReasonRules
from ig_tasks.stages.reasons.without import Without, WithoutReasons
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import RunFolder

__all__ = ["AdverseRow", "Reason", "ReasonedRun", "State"]

Floats = NDArray[np.float64]
State = Literal["certified", "tied", "without", "max_evaluations", "unverified"]
"""What is known of a row: its reasons are proven, or tied with others; none is proven; it did not converge."""

_AT_ONCE = 1 << 22
"""Comparisons of one reason with one player that are held at one time."""


@dataclass(frozen=True)
class Reason:
    """One reason of a row.

    Attributes:
        push: the contribution towards the adverse side, always above `bound`.
        attribution: the same with the sign that it has in the output.
        best, worst: the ranks that it may have within the error bounds.
        rivals: who is not listed, and may outweigh it all the same.
        without: the decision with its values taken from the comparison, where the model was asked.
    """

    player: Player
    push: float
    attribution: float
    bound: float
    best: int
    worst: int
    rivals: tuple[Player, ...] = ()
    without: Without | None = None


@dataclass(frozen=True)
class AdverseRow:
    """A row with an adverse decision."""

    row_id: str
    output: float
    baseline_output: float
    state: State
    reasons: tuple[Reason, ...] = ()
    unproven: tuple[Player, ...] = ()
    """Who pushed towards the adverse side, if the row's errors left that to be told."""


@dataclass(frozen=True)
class ReasonedRun:
    """The rows of a run, read by the rules for reasons.

    Attributes:
        epsilon: of the dtype of the model's outputs.
        ablations: {file: the decisions without each reason}; empty where the model was not asked.
    """

    tables: RunFolder
    files: Sequence[str]
    rules: ReasonRules
    epsilon: float
    several: bool
    features: tuple[str, ...] = ()
    ablations: Mapping[str, WithoutReasons] = field(default_factory=dict)

    @classmethod
    def of(
        cls, tables: RunFolder, files: Sequence[str], summary: ShardSummary, facts: PlanFacts, rules: ReasonRules
    ) -> ReasonedRun:
        """The rows of a run. `tables`: its folder, whose tables are compared with their digests."""
        return cls(
            tables,
            files,
            rules,
            float(summary.details.get("epsilon") or np.finfo(np.float32).eps),
            any(feature.elements is not None for feature in facts.features),
            tuple(feature.name for feature in facts.features),
        )

    @classmethod
    def of_computed(cls, run: ComputedRun, facts: PlanFacts, rules: ReasonRules) -> ReasonedRun:
        """The rows of a run that is opened by its folder."""
        return cls.of(run.tables, run.summary.attribution_files, run.summary.merged, facts, rules)

    def adverse_rows(self) -> Iterator[AdverseRow]:
        """Every row with an adverse decision, in the order of the run.

        Raises:
            DamagedError: if a table of the run is not what was written.
            InputError: if an earlier version wrote the rows, and kept too little of them.
        """
        for file in self.files:
            for _, row in self.placed_rows(self.tables.read_table(file), self.ablations.get(file)):
                yield row

    def placed_rows(
        self, table: pa.Table, ablation: WithoutReasons | None = None, first: int = 0
    ) -> Iterator[tuple[int, AdverseRow]]:
        """(place, row) of the adverse rows of a table of attributions.

        Args:
            ablation: of the file that the table is of.
            first: the place in that file of the table's first row.
        """
        output = np.asarray(table.column("output").to_numpy(), np.float64)
        chosen = np.flatnonzero(self.rules.adverse(output))
        step = max(1, _AT_ONCE // max(1, len(self.rules.players) * self.rules.section.top))
        for start in range(0, len(chosen), step):
            some = chosen[start : start + step]
            for place, row in zip((some + first).tolist(), self._of_rows(table.take(some)), strict=True):
                yield place, row if ablation is None else _with_ablation(row, ablation.of_row(place))

    def _of_rows(self, table: pa.Table) -> Iterator[AdverseRow]:
        values = np.stack([table.column(f"attribution:{name}").to_numpy() for name in self.features], axis=1)
        place = {name: at for at, name in enumerate(self.features)}
        players, sign = self.rules.players, self.rules.sign
        owners = np.zeros((len(place), len(players)))
        for at, player in enumerate(players):
            owners[[place[name] for name in player.features], at] = 1.0
        pushes = sign * np.stack([values[:, column == 1.0].sum(axis=1) for column in owners.T], axis=1)
        row_bound, rounding = row_bounds(table, values, self.epsilon, several=self.several)
        bounds = row_bound[:, None] + rounding[:, None] * owners.sum(axis=0)
        # A bound that is no number is that of a row without an estimate, which has no reasons.
        ranked = rank_reasons(pushes, np.nan_to_num(bounds, nan=np.inf), self.rules.section.top)
        facts = (table.column(name).to_pylist() for name in ("row_id", "output", "baseline_output", "status"))
        for row, (row_id, output, baseline_output, status) in enumerate(zip(*facts, strict=True)):
            if status != CONVERGED:
                yield AdverseRow(row_id, output, baseline_output, status)
                continue
            reasons = tuple(self._reasons(ranked, row, pushes[row], bounds[row]))
            state: State = (
                "without" if not reasons else "tied" if any(reason.rivals for reason in reasons) else "certified"
            )
            unproven = tuple(players[at] for at in np.flatnonzero(ranked.unproven[row]))
            yield AdverseRow(row_id, output, baseline_output, state, reasons, unproven)

    def _reasons(self, ranked: Ranked, row: int, pushes: Floats, bounds: Floats) -> Iterator[Reason]:
        players = self.rules.players
        for at, player in enumerate(ranked.listed[row].tolist()):
            if player < 0:
                return
            yield Reason(
                player=players[player],
                push=float(pushes[player]),
                attribution=float(self.rules.sign * pushes[player]),
                bound=float(bounds[player]),
                best=int(ranked.best[row, at]),
                worst=int(ranked.worst[row, at]),
                rivals=tuple(players[other] for other in np.flatnonzero(ranked.rivals[row, at])),
            )


def _with_ablation(row: AdverseRow, without: Sequence[Without]) -> AdverseRow:
    reasons = (replace(reason, without=one) for reason, one in zip(row.reasons, without, strict=True))
    return replace(row, reasons=tuple(reasons))
