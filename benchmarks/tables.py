"""Tables of results, as Markdown, which a terminal shows well enough too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Entry, Results, Suite

__all__ = ["honesty_table", "markdown", "peer_as_it_comes", "peer_at_its_best", "printed", "suite_table", "times"]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    marks = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, marks, *rows))


def milliseconds(seconds: float) -> str:
    """For 1,000 rows, from seconds per row."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def times(value: float) -> str:
    return f"{value:,.0f}x" if value >= 10 else f"{value:.1f}x"


def percent(share: float | None) -> str:
    if share is None:
        return ""
    value = 100 * share
    return "0 %" if value == 0 else f"{value:.2f} %" if value < 1 else f"{value:.1f} %" if value < 99.95 else "100 %"


def small(value: float) -> str:
    """An error: 3.1e-04."""
    return f"{value:.1e}"


AS_IT_COMES = ("captum/50/all", "tutorial/published")
"""Keys of the peers of whom the summary tells, with their defaults."""


def peer_as_it_comes(suite: Suite) -> Entry | None:
    return next((entry for entry in suite.peers if entry.key in AS_IT_COMES), None)


def peer_at_its_best(suite: Suite) -> Entry | None:
    """The same library as it is compared last: with its best batch, at the steps that equal error takes.

    Where that has the steps of the defaults and is no faster than they are, the defaults are its best.
    """
    first = peer_as_it_comes(suite)
    libraries = {key.partition("/")[0] for key in AS_IT_COMES}
    best = [entry for entry in suite.peers if entry.key.partition("/")[0] in libraries and entry.key not in AS_IT_COMES]
    if not best:
        return None
    if first is not None and first.evaluations == best[-1].evaluations:
        return min(first, best[-1], key=lambda entry: entry.row_seconds)
    return best[-1]


SUITE_HEADER = (
    "library",
    "ms for 1,000 rows",
    "ours is faster by",
    "median error",
    "99th percentile",
    "rows over 1 %",
    "rows over 5 %",
    "evaluations per row",
    "memory (MB)",
    "times its products",
)


def suite_table(suite: Suite) -> str:
    """One line a library."""
    ours = suite.ours[0] if suite.ours else None
    return markdown(SUITE_HEADER, [_line(entry, ours) for entry in suite.entries])


def _line(entry: Entry, ours: Entry | None) -> list[str]:
    errors = entry.accuracy
    return [
        f"{entry.library}, {entry.setting}",
        milliseconds(entry.row_seconds),
        "" if ours is None or entry is ours else times(entry.row_seconds / ours.row_seconds),
        small(errors.median),
        small(errors.p99),
        percent(errors.over_1_percent),
        percent(errors.over_5_percent),
        "" if entry.evaluations is None else f"{entry.evaluations:.1f}",
        "" if entry.peak_megabytes is None else f"{entry.peak_megabytes:,.0f}",
        "" if entry.times_products is None else f"{entry.times_products:.1f}",
    ]


SUMMARY_HEADER = (
    "model",
    "ours, ms for 1,000 rows",
    "against",
    "as it comes",
    "at its best",
    "median error, ours",
    "theirs",
    "rows over 1 %, ours",
    "theirs",
)


def summary_table(suites: Sequence[Suite]) -> str:
    """One line for each of our settings on each model. "theirs" is the peer as it comes, where that was run."""
    return markdown(SUMMARY_HEADER, [_summary(suite, ours) for suite in suites for ours in suite.ours])


def _summary(suite: Suite, ours: Entry) -> list[str]:
    first, best = peer_as_it_comes(suite), peer_at_its_best(suite)
    peer = first or best
    return [
        suite.title if ours is suite.ours[0] else f"{suite.title}, {ours.setting}",
        milliseconds(ours.row_seconds),
        "" if peer is None else peer.library,
        "" if first is None else times(first.row_seconds / ours.row_seconds),
        "" if best is None else times(best.row_seconds / ours.row_seconds),
        small(ours.accuracy.median),
        "" if peer is None else small(peer.accuracy.median),
        percent(ours.accuracy.over_1_percent),
        "" if peer is None else percent(peer.accuracy.over_1_percent),
    ]


def honesty_table(suites: Sequence[Suite]) -> str:
    """How many of the rows that ours calls converged are not."""
    header = ("model", "called converged", "rows checked", "of these over the tolerance", "over twice the tolerance")
    return markdown(header, [_honesty(suite, entry) for suite in suites for entry in suite.ours])


def _honesty(suite: Suite, entry: Entry) -> list[str]:
    errors = entry.accuracy
    return [
        suite.title if entry is suite.ours[0] else f"{suite.title}, {entry.setting}",
        percent(entry.converged),
        f"{errors.rows_converged or 0:,}",
        percent(errors.over_tolerance),
        percent(errors.over_twice_tolerance),
    ]


def printed(results: Results) -> str:
    """Everything, for the terminal."""
    said = []
    for suite in results.suites:
        said += [f"\n## {suite.title}, {suite.rows:,} rows ({suite.reference})", suite_table(suite), *suite.notes]
    said += ["\n## Rows called converged", honesty_table(results.suites)]
    said += ["\n## Summary", summary_table(results.suites)]
    said += [f"FAILED {name}: {why}" for name, why in results.failed.items()]
    return "\n".join(said)
