"""The importance of all features in other systems' terms: CSV, Michelangelo's open API, SageMaker Clarify."""

from __future__ import annotations

import csv
import io
from typing import Any

from ig_tasks.store.report import Report

__all__ = ["clarify_document", "importance_csv", "michelangelo_document", "quoted"]

_COLUMNS = (
    "target", "segment", "feature", "group", "rank", "abs_mean", "abs_mean_low", "abs_mean_high", "mean", "std_dev",
    "median", "mean_square", "rows",
)  # fmt: skip


def importance_csv(report: Report) -> str:
    """A line for each target, segment and feature, the most important first; figures to their last digit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in (*report.importance, *report.segments):
        low, high = row.abs_mean_ci
        figures = {**row.model_dump(), "abs_mean_low": low, "abs_mean_high": high}
        writer.writerow(["" if figures[name] is None else quoted(figures[name]) for name in _COLUMNS])
    return text.getvalue()


def quoted(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula, as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else value


def michelangelo_document(report: Report) -> list[dict[str, Any]]:
    """A `FeatureImportanceMap` for each target, as in Michelangelo's model.proto; unknown figures are left out."""
    values = {value.feature: value.value for value in report.baseline.values}
    maps = []
    for target in report.targets:
        importance = {}
        for row in report.ranking(target.name):
            figures = {"mean": row.mean, "abs_mean": row.abs_mean, "std_dev": row.std_dev}
            known = {name: figure for name, figure in figures.items() if figure is not None}
            baseline = values.get(row.feature)
            if isinstance(baseline, int | float) and not isinstance(baseline, bool):
                known["baseline"] = float(baseline)
            importance[row.feature] = known
        maps.append(
            {
                "feature_importance": importance,
                "output_name": target.name,
                "explainer_module": f"ig_tasks.{report.attribution.method}",
            }
        )
    return maps


def clarify_document(report: Report) -> dict[str, Any]:
    """SageMaker Clarify's analysis.json: global values by label, under the method's own name.

    Clarify's `global_shap_values` are mean absolute attributions; `expected_value` is the output at the baseline.
    """
    labels = {}
    for target in report.targets:
        values = {row.feature: row.abs_mean for row in report.ranking(target.name)}
        output = report.baseline.outputs.get(target.name, report.baseline.output)
        labels[target.name] = {"global_shap_values": values, "expected_value": output}
    return {"version": "1.0", "explanations": {report.attribution.method: labels}}
