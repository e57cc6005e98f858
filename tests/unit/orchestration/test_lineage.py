"""What Airflow's provider for OpenLineage is told: the very objects that it sends, made by its own extractor."""

import json

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from openlineage.client.serde import Serde
from support.judged_report import DRIFT, judged_report, write_report

from ig_tasks.errors import ValidationFailedError
from ig_tasks.orchestration import ig_dag
from ig_tasks.orchestration.failures import StoppedError
from ig_tasks.orchestration.lineage import dataset_name
from ig_tasks.stages.run_reference import RunReference

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture
def ran(document, task_context, stages, reference):
    """A task that has run, and what the provider then makes of it."""

    def make(name, **changes):
        task = ig_dag(document).get_task(name)
        task.ref = {**reference, **changes}
        task.render_template_fields({})
        execute = type(task).execute
        getattr(execute, "__wrapped__", execute)(task, task_context(partition_key="2013-10"))
        return task

    return make


def told(task, method="extract_on_complete"):
    lineage = getattr(DefaultExtractor(task), method)(None)
    return {
        what: [json.loads(Serde.to_json(dataset)) for dataset in getattr(lineage, what)]
        for what in ("inputs", "outputs")
    }


def test_every_stage_tells_the_partition_and_the_model_that_it_read(ran):
    found = told(ran("compute_attributions"))
    data, model = found["inputs"]
    assert (data["namespace"], data["name"]) == ("s3://data", "loans/month=2013-10")
    assert data["inputFacets"]["inputStatistics"]["rowCount"] == 10
    assert (model["namespace"], model["name"]) == ("s3://models", "loans")
    for dataset in (data, model):
        assert dataset["facets"]["version"]["datasetVersion"] == DIGEST
    assert found["outputs"] == []


@pytest.mark.parametrize("partition", ["all", "2013-01..2013-09"])
def test_several_partitions_are_the_whole_data_set(ran, stages, partition, monkeypatch, document):
    task = ran("compute_attributions")
    spec, ref = task._lineage
    task._lineage = spec, {**ref, "partition": partition}
    assert told(task)["inputs"][0]["name"] == "loans"


def test_publishing_tells_the_report_with_its_leading_features_and_verdict(ran, stages, tmp_path, monkeypatch):
    uri = write_report(tmp_path, judged_report(drift="warning"))
    task = ran("publish_report")
    spec, ref = task._lineage
    task._lineage = spec, {**ref, "report_uri": uri}
    (output,) = told(task)["outputs"]
    assert (output["namespace"], output["name"]) == ("file", uri)
    facet = output["facets"]["igTasks_featureImportance"]
    report = judged_report()
    assert (facet["verdict"], facet["partition"], facet["target"]) == ("published", "2013-10", "late")
    assert [(row["feature"], row["rank"], row["absMean"], row["mean"]) for row in facet["leading"]] == [
        (row.feature, row.rank, row.abs_mean, row.mean) for row in report.ranking()[:10]
    ]
    assert (facet["failedChecks"], facet["findings"]) == (["drift"], [DRIFT])
    assert facet["_producer"].startswith("http")
    assert facet["_schemaURL"].endswith("DatasetFacet")


def test_a_withheld_report_is_told_by_the_task_that_failed(document, task_context, stages, reference, tmp_path):
    uri = write_report(tmp_path, judged_report(drift="critical", state="withheld"))
    stages.error = ValidationFailedError("critical check failed: drift", uri)
    task = ig_dag(document).get_task("validate")
    task.ref = RunReference.of(reference).to_json()
    task.render_template_fields({})
    execute = type(task).execute
    with pytest.raises(StoppedError):
        getattr(execute, "__wrapped__", execute)(task, task_context())
    found = told(task, "extract_on_failure")
    assert [dataset["name"] for dataset in found["inputs"]] == ["loans/month=2013-10", "loans"]
    (output,) = found["outputs"]
    assert output["facets"]["igTasks_featureImportance"]["verdict"] == "withheld"


def test_a_task_that_failed_before_it_read_anything_tells_nothing(document):
    task = ig_dag(document).get_task("load_model")
    for method in ("get_openlineage_facets_on_complete", "get_openlineage_facets_on_failure"):
        assert getattr(task, method)(None) is None


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://bucket/data/flights/", "s3://bucket", "data/flights"),
        ("gs://bucket", "gs://bucket", "/"),
        ("https://me:hunter2@host.example/x", "https://host.example", "x"),
        ("file:///srv/flights", "file", "/srv/flights"),
        ("/srv/flights", "file", "/srv/flights"),
    ],
)
def test_places_are_named_by_the_rules_and_without_secrets(uri, namespace, name):
    assert dataset_name(uri) == (namespace, name)
