"""A CycloneDX 1.7 document whose model card holds the importance of features (ECMA-424, `modelCard`)."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from ig_tasks.reports.quality_words import quality_figures
from ig_tasks.store.report import Report

__all__ = ["cyclonedx_document"]

_NAMESPACE = uuid.UUID("6f9b0d0a-6d1f-5b57-9d3e-0d4c4ad0f6a1")


def cyclonedx_document(report: Report) -> dict[str, Any]:
    """The model as a component, with a performance metric for each feature and digests in its properties.

    Where outcomes are known, the model's quality stands first: AUC, loss and others, the first three with their 95 %
    intervals. The format has no field for explanations: the importance of each feature is a metric too, with its
    interval, and all values are text. The same report gives the same document.
    """
    digest = report.model.digest.removeprefix("sha256:")
    reference = f"model:{digest[:16] or report.name}"
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": reference,
        "name": report.model.name or report.name,
        "modelCard": {
            "modelParameters": {"task": "explained by feature importance"},
            "quantitativeAnalysis": {"performanceMetrics": [*_quality(report), *_metrics(report)]},
            "considerations": {"useCases": [report.model.intended_use or report.description or report.name]},
            "properties": [{"name": f"ig-tasks:{name}", "value": value} for name, value in _properties(report)],
        },
    }
    if report.model.version:
        component["version"] = report.model.version
    if len(digest) == 64:
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    moment = report.created_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{report.run_id}/{report.revision}/{digest}')}",
        "version": report.revision,
        "metadata": {
            "timestamp": moment,
            "tools": {"components": [{"type": "application", "name": "ig-tasks"}]},
            "component": component,
        },
    }


def _quality(report: Report) -> list[dict[str, Any]]:
    """How good the model was, where outcomes are known."""
    metrics = []
    for quality in report.quality:
        for figure in quality_figures(quality):
            metric: dict[str, Any] = {
                "type": figure.name,
                "value": repr(figure.value),
                "slice": f"{quality.target}, {report.partition}",
            }
            if figure.low is not None and figure.high is not None:
                metric["confidenceInterval"] = {"lowerBound": repr(figure.low), "upperBound": repr(figure.high)}
            metrics.append(metric)
    return metrics


def _metrics(report: Report) -> list[dict[str, Any]]:
    metrics = []
    for row in (*report.importance, *report.segments):
        if row.abs_mean is None:
            continue
        where = f", {row.segment}" if row.segment else ""
        metric: dict[str, Any] = {
            "type": f"mean absolute attribution of {row.feature}",
            "value": repr(row.abs_mean),
            "slice": f"{row.target}, {report.partition}{where}",
        }
        low, high = row.abs_mean_ci
        if low is not None and high is not None:
            metric["confidenceInterval"] = {"lowerBound": repr(low), "upperBound": repr(high)}
        metrics.append(metric)
    return metrics


def _properties(report: Report) -> list[tuple[str, str]]:
    properties = [
        ("run", report.run_id),
        ("partition", report.partition),
        ("state", report.state),
        ("method", report.attribution.method),
        ("tolerance", repr(report.attribution.tolerance)),
        ("model-digest", report.model.digest),
        ("data-digest", report.data.digest),
        ("baseline-digest", report.baseline.digest),
        ("baseline-strategy", report.baseline.strategy),
        ("rows-explained", str(report.data.rows_explained)),
        ("rows-quarantined", str(report.data.rows_quarantined)),
    ]
    properties += [(f"check:{check.name}", "passed" if check.success else "failed") for check in report.checks]
    properties += [(f"verdict:{verdict.verdict}:{verdict.feature}", verdict.why) for verdict in report.verdicts]
    if report.drift is not None:
        properties.append(("drift", report.drift.summary))
    return properties
