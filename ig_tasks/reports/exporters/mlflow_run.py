"""A report as a run of MLflow: metrics by feature, settings as params, the page and report.json as artifacts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from ig_tasks.errors import InputError, RunError, brief
from ig_tasks.reports.quality_words import quality_figures
from ig_tasks.spec.uris import without_secrets
from ig_tasks.store import Folder
from ig_tasks.store.report import Report

__all__ = ["log_mlflow_run", "metric_names"]

_ODD = re.compile(r"[^A-Za-z0-9_\-. :]")
_BATCH = 500
"""Metrics of one request; MLflow takes 1,000."""
_QUALITY = {"mean absolute error": "mae", "R²": "r2"}
_FIGURES = ("abs_mean", "mean", "std_dev", "median", "rank")


def log_mlflow_run(report: Report, uri: str) -> str:
    """Log a report to the tracking server that MLflow's own settings name; returns `runs:/<run id>`.

    The experiment is `ig_tasks/<name>`. A revision of a report is logged once: later its run is found.

    Args:
        uri: of report.json, beside which the page lies.

    Raises:
        InputError: if mlflow is not installed.
        RunError: if the server cannot be reached, or refuses.
    """
    if find_spec("mlflow") is None:
        raise InputError("format: 'mlflow' needs mlflow, which is not installed; pip install 'ig-tasks[mlflow]'")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    folder, _, name = uri.rpartition("/")
    page = name.removesuffix(".json") + ".html"
    place = Folder(folder or ".")
    try:
        client = MlflowClient()
        return f"runs:/{_find_or_log(client, report, {each: place.read_bytes(each).decode() for each in (name, page)})}"
    except FileNotFoundError:
        raise RunError(f"{uri}: its page is not beside it; run the spec again") from None
    except (MlflowException, OSError) as error:
        raise RunError(f"mlflow: the report was not logged ({without_secrets(brief(error))})") from None


def metric_names(features: list[str]) -> dict[str, str]:
    """{feature: the name that MLflow takes for it}, no two alike.

    >>> metric_names(["age", "a/b", "a?b"])
    {'age': 'age', 'a/b': 'a_b-c14cddc0', 'a?b': 'a_b-c2a7b64a'}
    """
    names = {}
    for feature in features:
        plain = _ODD.sub("_", feature).strip(" .")
        if plain != feature or len(plain) > 200:
            plain = f"{plain[:200]}-{hashlib.sha256(feature.encode()).hexdigest()[:8]}"
        names[feature] = plain
    return names


def _find_or_log(client: Any, report: Report, files: dict[str, str]) -> str:
    """The id of the report's run, made now or found."""
    from mlflow.entities import Metric, Param

    experiment = f"ig_tasks/{report.name}"
    known = client.get_experiment_by_name(experiment)
    experiment_id = known.experiment_id if known is not None else client.create_experiment(experiment)
    key = f"{report.run_id}.r{report.revision}"
    own = client.search_runs([experiment_id], f"tags.`ig_tasks.report` = '{key}' and attributes.status = 'FINISHED'")
    if own:
        return str(own[0].info.run_id)
    run = client.create_run(experiment_id, run_name=f"{report.partition} {key[-15:]}", tags=_tags(report, key))
    run_id = str(run.info.run_id)
    moment = int(report.created_at.timestamp() * 1000)
    metrics = [Metric(name, value, moment, 0) for name, value in _metrics(report)]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
    client.log_batch(run_id, params=[Param(name, value) for name, value in _params(report)])
    for name, text in files.items():
        client.log_text(run_id, text, name)
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _metrics(report: Report) -> Iterator[tuple[str, float]]:
    """`abs_mean/age`; with several targets `abs_mean/<target>/age`."""
    features = metric_names(list(dict.fromkeys(row.feature for row in report.importance)))
    targets = metric_names([target.name for target in report.targets])
    for row in report.importance:
        within = f"{targets[row.target]}/" if len(targets) > 1 else ""
        for field in _FIGURES:
            value = getattr(row, field)
            if value is not None:
                yield f"{field}/{within}{features[row.feature]}", float(value)
    for name, value in report.completeness.model_dump().items():
        if value is not None:
            yield f"completeness/{name}", float(value)
    for name in ("rows_read", "rows_explained", "rows_unconverged", "rows_quarantined"):
        yield f"rows/{name.removeprefix('rows_')}", float(getattr(report.data, name))
    for quality in report.quality:
        within = f"{targets[quality.target]}/" if len(targets) > 1 else ""
        for figure in quality_figures(quality):
            yield f"quality/{within}{_QUALITY.get(figure.name, figure.name.replace(' ', '_').lower())}", figure.value
    if report.interpretability is not None and report.interpretability.score is not None:
        yield "interpretability_score", report.interpretability.score
    if report.drift is not None:
        yield "drift/alarms", float(len(report.drift.alarms))


def _params(report: Report) -> Iterator[tuple[str, str]]:
    target = report.targets[0]
    yield from {
        "partition": report.partition,
        "target": target.name,
        "space": target.space,
        "method": report.attribution.method,
        "tolerance": repr(report.attribution.tolerance),
        "baseline": report.baseline.strategy,
    }.items()


def _tags(report: Report, key: str) -> dict[str, str]:
    return {
        "ig_tasks.report": key,
        "ig_tasks.state": report.state if report.official else "ad-hoc",
        "ig_tasks.model": report.model.uri,
        "ig_tasks.model_digest": report.model.digest,
        "ig_tasks.data_digest": report.data.digest,
        "ig_tasks.baseline_digest": report.baseline.digest,
        **{f"ig_tasks.check.{check.name}": "passed" if check.success else "failed" for check in report.checks},
        "mlflow.note.content": report.description or f"Feature importance of {report.name}",
    }
