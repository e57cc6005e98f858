"""Tables of results, as Markdown, which a terminal shows well enough too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Entry, Results, Suite

__all__ = ["markdown", "printed", "suite_table"]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    marks = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, marks, *rows))


def milliseconds(seconds: float) -> str:
    """Of 1,000 rows."""
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


HEADER = (
    "library",
    "ms for 1,000 rows",
    "ours is faster by",
    "median error",
    "99th percentile",
    "rows over 1 %",
    "rows over 5 %",
    "evaluations a row",
    "memory (MB)",
    "times its products",
)


def suite_table(suite: Suite) -> str:
    """One line a library."""
    ours = suite.ours[0] if suite.ours else None
    return markdown(HEADER, [_line(entry, ours) for entry in suite.entries])


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


def honesty_table(suites: Sequence[Suite]) -> str:
    """Of the rows that ours calls converged, how many are not."""
    header = ("model", "called converged", "rows checked", "of these over the tolerance", "over twice the tolerance")
    rows = []
    for suite in suites:
        for entry in suite.ours:
            errors = entry.accuracy
            rows.append(
                [
                    f"{suite.title}, {entry.setting}",
                    percent(entry.converged),
                    f"{errors.rows_converged or 0:,}",
                    percent(errors.over_tolerance),
                    percent(errors.over_twice_tolerance),
                ]
            )
    return markdown(header, rows)


def printed(results: Results) -> str:
    """Everything, for the terminal."""
    parts = []
    for suite in results.suites:
        parts += [f"\n## {suite.title}, {suite.rows:,} rows ({suite.reference})", suite_table(suite), *suite.notes]
    parts += ["\n## Rows called converged", honesty_table(results.suites)]
    parts += [f"FAILED {name}: {why}" for name, why in results.failed.items()]
    return "\n".join(parts)
