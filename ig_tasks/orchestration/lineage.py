"""What the tasks tell OpenLineage: the partition and the model that were read, and the report that was written.

Imported when Airflow's provider for OpenLineage asks a task, so this needs the provider's client and nothing else does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import DatasetFacet, dataset_version_dataset, input_statistics_input_dataset

from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.approval_section import ApprovalSpec

__all__ = ["FeatureImportanceDatasetFacet", "dataset_name", "lineage_of"]

_FACET = "igTasks_featureImportance"
_LEADING = 10


@attr.define
class FeatureImportanceDatasetFacet(DatasetFacet):  # type: ignore[misc]  # the client is optional
    """What a report says, in a few values.

    Attributes:
        verdict: published, withheld or ad-hoc.
        leading: the leading features of the first target: feature, label, rank, absMean, mean.
        failedChecks: names of the checks that failed.
        findings: a sentence for each cause of an alarm, verdict or failed check.
    """

    verdict: str
    partition: str
    target: str
    space: str
    baseline: str
    rowsExplained: int  # noqa: N815 - OpenLineage's spelling
    leading: list[dict[str, Any]]
    failedChecks: list[str]  # noqa: N815
    findings: list[str]


def lineage_of(
    spec: ExplanationSpec, reference: Mapping[str, Any], *, report_uri: str | None = None
) -> OperatorLineage[Dataset, Any]:
    """The data sets of one task.

    Args:
        spec: of the run.
        reference: what the task returned, or was given.
        report_uri: of the report that it wrote, published or withheld.
    """
    inputs = [_data(spec, reference), _model(reference)]
    outputs = [] if report_uri is None else [_report(report_uri)]
    return OperatorLineage(inputs=inputs, outputs=outputs)


def dataset_name(uri: str) -> tuple[str, str]:
    """Namespace and name of a place, by OpenLineage's rules.

    >>> dataset_name("s3://bucket/data/flights/"), dataset_name("/srv/flights")
    (('s3://bucket', 'data/flights'), ('file', '/srv/flights'))
    """
    parts = urlsplit(uri)
    if not parts.scheme or parts.scheme == "file":
        return "file", parts.path.rstrip("/") or "/"
    # User and password of a URI are nobody's business.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.strip("/") or "/"


def _data(spec: ExplanationSpec, reference: Mapping[str, Any]) -> InputDataset:
    """The partition where there is one folder for it, else the whole."""
    data, partition = reference["data"], str(reference["partition"])
    single = spec.data.partition is not None and partition != "all" and ".." not in partition
    uri = f"{str(data['uri']).rstrip('/')}/{spec.data.partition}={partition}" if single else str(data["uri"])
    namespace, name = dataset_name(uri)
    rows = (reference.get("rows") or {}).get("read")
    read = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=rows)
    return InputDataset(
        namespace, name, facets=_version(data["digest"]), inputFacets={} if rows is None else {"inputStatistics": read}
    )


def _model(reference: Mapping[str, Any]) -> InputDataset:
    namespace, name = dataset_name(str(reference["model"]["uri"]))
    return InputDataset(namespace, name, facets=_version(reference["model"]["digest"]))


def _version(digest: Any) -> dict[str, DatasetFacet]:
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(digest))}


def _report(report_uri: str) -> OutputDataset:
    from ig_tasks.reports.outcome import verdict
    from ig_tasks.store.runs import locate_report
    from ig_tasks.validation.decision import decide

    report, uri = locate_report(report_uri)
    target = report.targets[0] if report.targets else None
    facet = FeatureImportanceDatasetFacet(
        verdict=verdict(report),
        partition=report.partition,
        target=target.name if target else "",
        space=target.space if target else "",
        baseline=report.baseline.strategy,
        rowsExplained=report.data.rows_explained,
        leading=[
            {
                "feature": row.feature,
                "label": report.label(row.feature),
                "rank": row.rank,
                "absMean": row.abs_mean,
                "mean": row.mean,
            }
            for row in report.ranking()[:_LEADING]
        ],
        failedChecks=[check.name for check in report.failed()],
        findings=list(decide(report, ApprovalSpec()).findings),
    )
    namespace, name = dataset_name(uri)
    version = _version(f"{report.run_id}, revision {report.revision}")
    return OutputDataset(namespace, name, facets={**version, _FACET: facet})
