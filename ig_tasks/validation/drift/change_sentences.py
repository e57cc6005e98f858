"""A comparison in words."""

from __future__ import annotations

from collections.abc import Mapping

from ig_tasks.presentation.change_causes import CAUSES
from ig_tasks.presentation.percentages import percent
from ig_tasks.store.drift_parts import Drift, FeatureDrift
from ig_tasks.validation.drift.states import Limits

__all__ = ["sentence", "summary"]

_SHOWN = 5


Labels = Mapping[str, str]
"""{feature: what people call it}; a feature that is not there is called by its name."""


def sentence(row: FeatureDrift, limits: Limits, labels: Labels | None = None) -> str:
    """What became of one feature or group, in one sentence."""
    labels = labels or {}
    name = labels.get(row.feature, row.feature)
    growth = row.growth
    movement = "appeared" if growth is None else f"{'rose' if growth > 0 else 'fell'} by {percent(abs(growth))}"
    if row.alarm and row.row_cosine is not None and row.row_cosine < 0:
        also = f", and its importance {movement}" if row.state in ("changed", "small") else ""
        cosine = f"cosine {row.row_cosine:.2f}"
        return f"The new model reversed {name}: on the same rows it points the other way ({cosine}){also}."
    if row.state == "unchanged":
        return f"{name} is unchanged within {percent(limits.practical)}."
    if row.state == "undetermined":
        return f"{name} {movement}; neither a change nor its absence is shown."
    if row.state == "cancelled":
        return f"{name} is about as important as before, but {_cause_words(row, labels)} moved it in opposite ways."
    change = f"{name} {movement}, from {row.before:.3g} to {row.after:.3g}"
    if row.state == "small":
        return f"{change}; that is less than {percent(limits.share)} of all importance."
    if row.follows_partition:
        return f"{change}: its values follow the partition, and are never the same in two periods."
    because = _cause_words(row, labels)
    return f"{change}{f', because of {because}' if because else ''}."


def summary(drift: Drift, labels: Labels | None = None) -> str:
    """The comparison in a few sentences: alarms first."""
    labels = labels or {}
    overall = [row for row in drift.features if row.segment is None]
    changed = [row for row in overall if row.state == "changed" and not row.follows_partition]
    noted = [
        labels.get(row.feature, row.feature) for row in overall if row.state == "changed" and row.follows_partition
    ]
    parts = []
    cancelled = [labels.get(row.feature, row.feature) for row in overall if row.state == "cancelled"]
    if drift.alarms:
        parts += [row.sentence for row in drift.alarms[:_SHOWN]]
        if len(drift.alarms) > _SHOWN:
            more = len(drift.alarms) - _SHOWN
            parts.append(f"{more} more {'raises' if more == 1 else 'raise'} an alarm.")
    elif changed:
        names = ", ".join(labels.get(row.feature, row.feature) for row in changed[:_SHOWN])
        parts.append(f"{len(changed)} of {len(overall)} features changed ({names}); none raises an alarm.")
    elif not cancelled:
        settled = sum(row.state == "unchanged" for row in overall)
        but = f" except with the partition ({', '.join(noted)})" if noted else ""
        return f"No feature changed{but}; {settled} of {len(overall)} are shown to be unchanged."
    if cancelled:
        parts.append(f"About as important as before, but moved in opposite ways: {', '.join(cancelled[:_SHOWN])}.")
    if noted:
        parts.append(f"Changed with the partition, as their values do: {', '.join(noted)}.")
    return " ".join(parts)


def _cause_words(row: FeatureDrift, labels: Labels) -> str:
    named = []
    for cause in row.cause:
        if cause == "others" and row.others:
            named.append(
                "the values of "
                + _joined_with_and([labels.get(other.feature, other.feature) for other in row.others[:2]])
            )
        else:
            named.append(CAUSES[cause] + (", which cannot be told apart" if " or " in cause else ""))
    return _joined_with_and(named)


def _joined_with_and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
