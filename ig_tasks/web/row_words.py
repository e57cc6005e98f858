"""What people call the columns of a run's rows, and which of them a form offers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ig_tasks.reports.sentences import segment_label
from ig_tasks.store.report import Report
from ig_tasks.web.conditions import Columns
from ig_tasks.web.queries import ATTRIBUTION, INPUT, SEGMENT

__all__ = ["STATUSES", "capital", "column_groups", "column_label", "leading_features"]

_RESULT = {
    "output": "Output",
    "baseline_output": "Output at the baseline",
    "status": "Status",
    "error_estimate": "Error estimate",
    "relative_delta": "Relative delta",
    "convergence_delta": "Convergence delta",
    "evaluations": "Gradient evaluations",
    "prediction": "Stored prediction",
    "predicted": "Predicted",
    "label": "Outcome",
    "row_id": "Row id",
    "cluster": "Cluster",
}
STATUSES = ("converged", "unverified", "max_evaluations")
_OFFERED = 150
"""Features that a list offers: the most important ones."""


def column_label(report: Report, name: str) -> str:
    """What people call a column; a feature's columns carry its label and what they hold of it."""
    for prefix, words in ((ATTRIBUTION, "attribution of {}"), (INPUT, "value of {}")):
        if name.startswith(prefix):
            return words.format(_feature_label(report, name.removeprefix(prefix)))
    if name.startswith(SEGMENT):
        return segment_label(report, name.removeprefix(SEGMENT))
    return _RESULT.get(name, name)


def leading_features(report: Report, target: str, columns: Columns, number: int) -> list[str]:
    """The most important features of a target, of those whose attributions the rows hold."""
    ranked = [row.feature for row in report.ranking(target or None)]
    return [feature for feature in ranked if ATTRIBUTION + feature in columns][:number]


def column_groups(
    report: Report, columns: Columns, target: str, chosen: Sequence[str] = ()
) -> Mapping[str, Sequence[tuple[str, str]]]:
    """{heading: (name, label) of each column} for a list to choose from; `chosen` ones are always among them."""
    features = leading_features(report, target, columns, _OFFERED)
    groups: dict[str, list[str]] = {
        "Result": [name for name in _RESULT if name in columns],
        "Segment": [column.name for column in columns if column.name.startswith(SEGMENT)],
        "Attribution": [ATTRIBUTION + name for name in features],
        "Value": [INPUT + name for name in features if INPUT + name in columns],
    }
    offered = {name for names in groups.values() for name in names}
    left = [name for name in dict.fromkeys(chosen) if name in columns and name not in offered]
    if left:
        groups["Others"] = left
    return {
        heading: [(name, capital(column_label(report, name))) for name in names]
        for heading, names in groups.items()
        if names
    }


def capital(words: str) -> str:
    """The words as a line begins with them."""
    return words[:1].upper() + words[1:]


def _feature_label(report: Report, feature: str) -> str:
    """Its label; with its name where another feature is called the same."""
    label = report.label(feature)
    times = Counter(item.label or item.name for item in report.features)
    return f"{label} ({feature})" if times[label] > 1 and label != feature else label
