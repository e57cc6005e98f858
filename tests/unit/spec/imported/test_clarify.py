"""Clarify's analysis configuration becomes the draft of a spec, and what is left out is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ig_tasks.cli import _run
from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.imported.clarify import draft_of_clarify
from ig_tasks.spec.imported.draft import Draft

# Configurations as people have them, after the public reference of the format.
CREDIT: dict[str, Any] = {
    "version": "1.0",
    "dataset_type": "application/x-parquet",
    "dataset_uri": "s3://bucket/applicants",
    "headers": ["id", "age", "income", "home", "paid_back"],
    "label": "paid_back",
    "joinsource_name_or_index": 0,
    "probability_threshold": 0.7,
    "facet": [{"name_or_index": "age", "value_or_threshold": [40]}],
    "segment_config": [{"name_or_index": "home", "segments": [["own", "rent"]]}],
    "methods": {
        "shap": {
            "baseline": [[38, 42_000.0, "rent"]],
            "num_samples": 500,
            "agg_method": "mean_abs",
            "use_logit": True,
            "save_local_shap_values": True,
            "seed": None,
        },
        "pre_training_bias": {"methods": "all"},
        "pdp": {"grid_resolution": 15, "features": ["age"]},
        "report": {"name": "report", "title": "Who pays back"},
    },
    "predictor": {
        "model_name": "credit-7",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": 1,
        "content_type": "text/csv",
        "label_headers": ["good"],
    },
}
MONITOR: dict[str, Any] = {
    "dataset_type": "application/jsonlines",
    "headers": ["age", "income", "paid_back"],
    "label": "label",
    "features": "features",
    "methods": {"shap": {"num_clusters": 3, "num_samples": 100, "agg_method": "median", "seed": 7}},
    "predictor": {
        "endpoint_name": "live",
        "label_headers": ["low", "middle", "high"],
        "probability": "scores",
        "content_template": '{"features": $features}',
    },
}
REVIEWS: dict[str, Any] = {
    "dataset_type": "text/csv",
    "headers": ["stars", "text"],
    "label": "stars",
    "methods": {
        "shap": {
            "baseline": [["<UNK>"]],
            "num_samples": 1000,
            "agg_method": "mean_sq",
            "save_local_shap_values": False,
            "text_config": {"granularity": "token", "language": "english"},
        }
    },
    "predictor": {"model_name": "reviews", "initial_instance_count": 1},
}


def made(document: Any, data: str | None = None) -> Draft:
    draft = draft_of_clarify(json.dumps(document), name="mine", model="m", data=data, data_unless_named="d")
    ExplanationSpec.model_validate(yaml.safe_load(draft.to_yaml()))
    return draft


def shap(**settings: Any) -> dict[str, Any]:
    """A configuration of three columns, the last of them the label."""
    return {
        "dataset_type": "application/x-parquet", "headers": ["a", "b", "y"], "label": 2, "methods": {"shap": settings}
    }  # fmt: skip


def places(draft: Draft) -> list[str]:
    return [note.partition(":")[0] for note in draft.notes]


def test_columns_baseline_target_space_and_title_are_taken_over() -> None:
    draft = made(CREDIT)
    assert draft.document == {
        "version": 1,
        "name": "mine",
        "model": {"uri": "m", "target": "good", "space": "logit"},
        "data": {"uri": "s3://bucket/applicants", "label": "paid_back", "id": "id", "segments": ["home"]},
        "baseline": {"strategy": "constant", "value": {"age": 38, "income": 42_000.0, "home": "rent"}},
        "attribution": {"method": "integrated_gradients", "tolerance": 0.01},
        "description": "Who pays back",
    }
    assert places(draft) == [
        "segment_config[0].segments", "methods.report.name", "probability_threshold", "facet",
        "methods.pre_training_bias", "methods.pdp", "methods.shap.num_samples",
        "predictor.model_name", "predictor.instance_type", "predictor.initial_instance_count", "predictor.content_type",
    ]  # fmt: skip


def test_a_monitors_configuration_that_clusters_its_baseline() -> None:
    draft = made(MONITOR)
    assert draft.document["baseline"] == {"strategy": "kmeans", "k": 3, "seed": 7}
    assert draft.document["model"] == {"uri": "m", "space": "probability"}
    assert draft.document["data"] == {"uri": "d"}
    assert places(draft) == [
        "predictor.label_headers", "dataset_type", "label", "methods.shap.agg_method", "features",
        "methods.shap.num_samples", "predictor.endpoint_name", "predictor.probability", "predictor.content_template",
    ]  # fmt: skip
    assert "the column median of importance.parquet" in draft.notes[3]


def test_a_text() -> None:
    draft = made(REVIEWS)
    assert draft.document["baseline"] == "auto"
    assert draft.document["model"] == {"uri": "m"}
    assert places(draft) == [
        "dataset_type", "methods.shap.baseline", "methods.shap.agg_method", "methods.shap.save_local_shap_values",
        "methods.shap.num_samples", "methods.shap.text_config", "predictor.model_name",
        "predictor.initial_instance_count",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "baseline", "said"),
    [
        ({"baseline": [[1, 2.5]]}, {"strategy": "constant", "value": {"a": 1, "b": 2.5}}, ""),
        ({"baseline": [{"features": [1, "x"]}]}, {"strategy": "constant", "value": {"a": 1, "b": "x"}}, ""),
        ({"baseline": [{"b": 3, "a": 1}]}, {"strategy": "constant", "value": {"a": 1, "b": 3}}, ""),
        ({"baseline": [[1, None]]}, {"strategy": "constant", "value": {"a": 1}}, "neither a number nor a text for b"),
        ({"baseline": [[1, 2, 3]]}, "auto", "not one for each of the 2 columns"),
        ({"baseline": [[1, 2], [3, 4], [5, 6]]}, "auto", "baseline: {strategy: samples, k: 3, uri: FILE}"),
        ({"baseline": "s3://b/rows"}, {"strategy": "samples", "uri": "s3://b/rows"}, "set baseline.k to their number"),
        ({"baseline": {"rows": 1}}, "auto", "write its row as a table"),
        ({"baseline": [[1, 2]], "seed": 3}, {"strategy": "constant", "value": {"a": 1, "b": 2}}, "nothing is drawn"),
        ({"num_clusters": 4}, {"strategy": "kmeans", "k": 4}, ""),
        ({}, {"strategy": "kmeans"}, ""),
        ({"baseline": "s3://b/x.png", "image_config": {"num_segments": 20}}, "auto", "auto has a baseline of its own"),
        ({"features_to_explain": ["a"]}, {"strategy": "kmeans"}, "every feature is explained"),
        ({"mystery": 1}, {"strategy": "kmeans"}, "methods.shap.mystery: not a field of the analysis configuration"),
    ],
)
def test_baselines_and_what_is_said_of_them(settings: Any, baseline: Any, said: str) -> None:
    draft = made(shap(**settings))
    assert draft.document["baseline"] == baseline
    assert any(said in note for note in draft.notes) or (not said and not draft.notes)
    assert draft.to_yaml().splitlines()[1:-1][: len(draft.notes)] == [f"# not taken over: {x}" for x in draft.notes]


def test_rows_of_a_csv_file_are_to_be_written_as_parquet() -> None:
    draft = made({**shap(baseline="s3://b/rows.csv"), "dataset_type": "text/csv"})
    assert draft.document["baseline"] == "auto"
    assert "write its rows as a Parquet file" in draft.notes[1]


def test_columns_that_the_model_does_not_take_have_no_value_in_a_baseline() -> None:
    document = {**shap(baseline=[[5]]), "excluded_columns": ["a"]}
    assert made(document).document["baseline"] == {"strategy": "constant", "value": {"b": 5}}


def test_a_configuration_of_bias_alone_asks_for_no_attributions() -> None:
    draft = made({"dataset_type": "text/csv", "label": "y", "methods": {"post_training_bias": {"methods": "all"}}})
    assert draft.document["baseline"] == "auto"
    assert "methods.shap: absent; this configuration asks for no attributions" in draft.notes


def test_data_that_the_caller_names_wins() -> None:
    assert made(CREDIT, data="mine.parquet").document["data"]["uri"] == "mine.parquet"


def test_a_place_without_a_header_is_no_column() -> None:
    draft = made({**shap(), "headers": [], "label": 2})
    assert "label" not in draft.document["data"]
    assert "label: 2 is the place of a column without a name in headers" in draft.notes[0]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([1], "no analysis configuration"),
        ({"ShapConfig": {}}, "ClarifyExplainerConfig"),
        ({"methods": []}, "methods: it has keys of its own"),
        ({"methods": {"shap": 3}}, "methods.shap: it has keys of its own"),
        ({"methods": {}, "predictor": "x"}, "predictor: it has keys of its own"),
        ({"methods": {}, "label": 1, "headers": "a,b"}, "headers: it is a list of column names"),
        ({"methods": {}, "segment_config": {}}, "segment_config: it is a list"),
        ({"methods": {}, "segment_config": [3]}, r"segment_config\[0\]: it has keys"),
    ],
)
def test_what_is_no_such_configuration_is_refused(document: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        made(document)


def test_the_command_writes_the_draft_and_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "analysis_config.json").write_text(json.dumps(CREDIT))
    to = tmp_path / "spec.yaml"
    given = ["import-clarify", str(tmp_path / "analysis_config.json"), "--name", "credit"]
    assert _run([*given, "--to", str(to)]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(to)
    assert "not taken over: methods.shap.num_samples: nothing is sampled" in err
    assert yaml.safe_load(to.read_text())["data"]["uri"] == "s3://bucket/applicants"
    assert to.read_text().startswith("# A draft, made from an analysis configuration of SageMaker Clarify.\n")
    secret = {**CREDIT, "dataset_uri": "s3://key:secret@bucket/applicants"}
    (tmp_path / "secret.json").write_text(json.dumps(secret))
    assert _run(["import-clarify", str(tmp_path / "secret.json")]) == 2
    err = capsys.readouterr().err
    assert "secret@" not in err
    assert len([line for line in err.splitlines() if line.startswith("ig-tasks:")]) == 1
