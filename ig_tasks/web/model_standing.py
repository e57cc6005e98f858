"""What the overview says of a spec: its latest report, and whether another one is on its way, or late."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from ig_tasks.spec.partitions import partition_order
from ig_tasks.store.index_entry import IndexedFeature, IndexEntry, order_of
from ig_tasks.web.access import Activity
from ig_tasks.web.due import Due, due_by
from ig_tasks.web.sparkline import sparkline
from ig_tasks.web.timelines import timeline_of

__all__ = ["STATES", "Leading", "Standing", "Summary", "standing_of", "summary_of"]

STATES = ("published", "withheld", "ad-hoc", "running", "overdue")
"""What a spec may be filtered by, in the order of the form."""
_LEADING = 3


@dataclass(frozen=True)
class Leading:
    """A feature that leads, and its importance over the partitions."""

    row: IndexedFeature
    line: Markup


@dataclass(frozen=True)
class Summary:
    """A spec as its reports tell: made once for each state of the index.

    Attributes:
        latest: the newest report of the last partition: official, unless there are only ad-hoc ones.
        current: the report that the figures are of: the latest published one, else `latest`.
        reports: how many runs have one.
        searched: what a search looks through, in lower case.
    """

    name: str
    latest: IndexEntry
    current: IndexEntry
    leading: tuple[Leading, ...]
    reports: int
    partitions: int
    searched: str


@dataclass(frozen=True)
class Standing:
    """A spec at this moment.

    Attributes:
        states: those of STATES that hold: one of the report, and what is going on beside it.
    """

    summary: Summary
    states: tuple[str, ...]
    due: Due | None


def summary_of(entries: Sequence[IndexEntry]) -> Summary | None:
    """The summary of a spec; None where it has no report."""
    if not entries:
        return None
    official = [entry for entry in entries if entry.official]
    latest = max(official or entries, key=order_of)
    timeline = timeline_of(entries)
    published = [entry for entry in timeline.entries.values() if entry.published]
    current = published[-1] if published else latest
    leading = []
    if current.targets:
        target = current.targets[0]
        rankings = timeline.rankings(target.name, target.space).values()
        for row in target.features[:_LEADING]:
            importances = [ranking.get(row.feature) for ranking in rankings]
            values = [None if importance is None else importance.abs_mean for importance in importances]
            leading.append(Leading(row, sparkline(values if len(values) > 1 else [], f"Importance of {row.label}")))
    words = [latest.name, latest.model, latest.owner, latest.description, *latest.tags]
    words += [word for lead in leading for word in (lead.row.label, lead.row.feature)]
    return Summary(
        name=latest.name,
        latest=latest,
        current=current,
        leading=tuple(leading),
        reports=len({entry.run_id for entry in entries}),
        partitions=len(timeline.entries),
        searched="\n".join(words).casefold(),
    )


def standing_of(
    summary: Summary, moment: datetime, *, computing: Collection[str] = (), activity: Activity | None = None
) -> Standing:
    """A spec at this moment.

    Args:
        computing: names of specs of which a run without a report is being computed.
        activity: what whoever runs the specs knows: a paused one is not overdue.
    """
    latest = summary.latest
    states: list[str] = ["ad-hoc" if not latest.official and latest.published else latest.state]
    due = due_by(latest.schedule, moment)
    if activity == "running" or summary.name in computing:
        states.append("running")
    elif due is not None and activity != "paused" and _is_late(latest, due):
        states.append("overdue")
    return Standing(summary, tuple(states), due)


def _is_late(latest: IndexEntry, due: Due) -> bool:
    if not latest.official:
        return True
    if due.partition is None:
        return latest.created_at < due.at
    return order_of(latest)[0] < partition_order(due.partition)
