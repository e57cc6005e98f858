"""One pass over the shards of a run: what was judged in each chunk, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ig_tasks.attribution.result import UNVERIFIED
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import RunFolder
from ig_tasks.validation import shard_values, suites
from ig_tasks.validation.expectations import Outcome, Suite
from ig_tasks.validation.ledger import Duplicates, RowLedger
from ig_tasks.validation.shard_values import Predicted, Worst, worst_of


@dataclass
class Tally:
    """Counts over all rows in the shards; `outcomes` by the checks' names, `worst_parity` of the rows compared."""

    duplicates: Duplicates
    rows: int = 0
    unverified: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    by_target: dict[str, int] = field(default_factory=dict)
    worst_parity: Worst | None = None


def take(
    run: RunFolder,
    spec: ExplanationSpec,
    shards: Sequence[str],
    *,
    parity: bool,
    predicted: Predicted | None,
    chunk_rows: int,
) -> Tally:
    """Judge every row. Raises CheckBrokenError when that cannot be done."""
    expected = suites.of_rows(spec, parity=parity)
    suite = Suite("rows", expected)
    tally = Tally(Duplicates(0, None), outcomes={each.name: Outcome() for each in expected})
    with RowLedger() as ledger:
        for chunk in shard_values.read_chunks(run, shards, parity=parity, predicted=predicted, chunk_rows=chunk_rows):
            tally.rows += chunk.rows
            tally.unverified += int((chunk.frame[shard_values.STATUS] == UNVERIFIED).sum())
            for name, outcome in suite.evaluate(chunk.frame).items():
                tally.outcomes[name] += outcome
            tally.worst_parity = worst_of([tally.worst_parity, chunk.worst])
            ledger.add(chunk.ids)
        tally.duplicates = ledger.duplicates()
        tally.by_target = ledger.rows_by_target()
    return tally
