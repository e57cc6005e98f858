"""What intervals of importance take to be independent, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ig_tasks.reports.numerals import counted
from ig_tasks.store.report import GroupImportance, Importance, Report

__all__ = ["interval_words"]


def interval_words(report: Report, rows: Sequence[Importance] | Sequence[GroupImportance]) -> str:
    """What the intervals of these rows allow for; all of one table.

    Empty without rows.
    """
    if not rows:
        return ""
    row = rows[0]
    named = str(report.provenance.get("key_parts", {}).get("data", {}).get("cluster") or "")
    if row.clusters is not None:
        whose = f" of the column {named}" if named else ""
        if not row.clusters:
            return f"No row has a value{whose}, and which rows belong together is not known: there are no intervals."
        if row.clusters < 2:
            return f"All rows are of one cluster{whose}. They say nothing of their own spread: there are no intervals."
        made_of = counted(row.clusters, "cluster")
        return f"Intervals are made of {made_of}{whose}: rows of one are not independent of one another."
    independent = "Intervals take rows to be independent of one another"
    if named:
        reason = f"this report was made without sums by cluster of the column {named}"
        return f"{independent}: {reason}. They are too narrow where rows of one cluster are not."
    return f"{independent}: they are too narrow where those of one day, customer or session are not (data.cluster)."
