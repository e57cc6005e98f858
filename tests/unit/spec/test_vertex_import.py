"""Vertex AI's ExplanationSpec becomes the draft of a spec, and what is left out is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ig_tasks.cli import _run
from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.vertex_import import VertexDraft, draft_of_vertex

NAMES = ["r1", "r2"]
TABULAR: dict[str, Any] = {
    "parameters": {"integratedGradientsAttribution": {"stepCount": 50}},
    "metadata": {
        "inputs": {
            "age": {"inputTensorName": "age", "inputBaselines": [38.5], "modality": "numeric"},
            "job_title": {"inputBaselines": ["clerk"], "groupName": "work", "encoding": "IDENTITY"},
            "hours": {"inputBaselines": [[40.0]], "groupName": "work"},
            "rates": {
                "inputBaselines": [[0.1, 0.2]],
                "encoding": "BAG_OF_FEATURES",
                "indexFeatureMapping": ["r1", "r2"],
            },
        },
        "outputs": {"scores": {"outputTensorName": "scores", "indexDisplayNameMapping": ["no", "yes"]}},
    },
}


def made(document: Any) -> VertexDraft:
    draft = draft_of_vertex(json.dumps(document), name="mine", model="m", data="d")
    ExplanationSpec.model_validate(yaml.safe_load(draft.to_yaml()))
    return draft


def test_inputs_baselines_groups_and_the_chosen_output_are_taken_over() -> None:
    document = TABULAR | {"parameters": TABULAR["parameters"] | {"outputIndices": [1]}}
    draft = made(document)
    assert draft.document == {
        "version": 1,
        "name": "mine",
        "model": {"uri": "m", "target": "yes"},
        "data": {"uri": "d"},
        "baseline": {
            "strategy": "constant",
            "value": {"age": 38.5, "job_title": "clerk", "hours": 40.0, "r1": 0.1, "r2": 0.2},
        },
        "attribution": {"method": "integrated_gradients", "tolerance": 0.01},
        "features": {"job_title": {"group": "work"}, "hours": {"group": "work"}},
    }
    assert [note.partition(":")[0] for note in draft.notes] == [
        "metadata.outputs.scores.outputTensorName",
        "metadata.inputs.age.inputTensorName",
        "metadata.inputs.rates.encoding",
        "metadata.inputs.rates.indexFeatureMapping",
        "parameters.integratedGradientsAttribution.stepCount",
    ]


def test_the_python_clients_names_and_a_model_that_holds_the_spec_are_read_too() -> None:
    snake = {
        "displayName": "a model",
        "explanation_spec": {
            "parameters": {"integrated_gradients_attribution": {"step_count": 50}, "output_indices": [1]},
            "metadata": {
                "inputs": {
                    name: {
                        {"inputTensorName": "input_tensor_name", "inputBaselines": "input_baselines",
                         "groupName": "group_name", "indexFeatureMapping": "index_feature_mapping"}.get(key, key): held
                        for key, held in fields.items()
                    }
                    for name, fields in TABULAR["metadata"]["inputs"].items()
                },
                "outputs": {"scores": {"output_tensor_name": "s", "index_display_name_mapping": ["no", "yes"]}},
            },
        },
    }  # fmt: skip
    document = TABULAR | {"parameters": TABULAR["parameters"] | {"outputIndices": [1]}}
    assert made(snake).document == made(document).document


@pytest.mark.parametrize(
    ("parameters", "inputs", "said"),
    [
        ({"sampledShapleyAttribution": {"pathCount": 10}}, {}, "pathCount 10; Shapley values are not sampled"),
        ({"xraiAttribution": {"stepCount": 5}}, {}, "regions are not made"),
        ({"examples": {}}, {}, "explanations by examples are not made"),
        ({"topK": 3}, {}, "parameters.topK: 3; one target"),
        ({"outputIndices": [0, 1]}, {}, "one target is explained per spec"),
        ({"integratedGradientsAttribution": {"smoothGradConfig": {"noiseSigma": 0.1}}}, {}, "not smoothed by noise"),
        ({}, {"x": {"inputBaselines": [0.0, 1.0]}}, "2 baselines, whose attributions are averaged"),
        ({}, {"x": {"inputBaselines": [[0.0, 1.0]]}}, "an array of different values"),
        ({}, {"x": {"encoding": "CONCAT_EMBEDDING", "encodedTensorName": "e"}}, "name the embedding layer"),
        ({}, {"x": {"modality": "image", "visualization": {"type": "OUTLINES"}}}, "an input of kind image"),
        ({}, {"x": {"mystery": 1}}, "metadata.inputs.x.mystery: not a field of InputMetadata"),
        ({"mystery": 1}, {}, "parameters.mystery: not a field of ExplanationParameters"),
    ],
)
def test_what_has_no_counterpart_is_said(parameters: Any, inputs: Any, said: str) -> None:
    draft = made({"parameters": parameters, "metadata": {"inputs": inputs, "outputs": {"out": {}}}})
    assert any(said in note for note in draft.notes)
    assert f"# not taken over: {draft.notes[0]}" in draft.to_yaml().splitlines()


def test_a_blurred_baseline_is_each_rows_own() -> None:
    config = {"integratedGradientsAttribution": {"stepCount": 25, "blurBaselineConfig": {"maxBlurSigma": 20}}}
    draft = made({"parameters": config, "metadata": {"inputs": {"picture": {"modality": "image"}}}})
    assert draft.document["baseline"] == {"strategy": "blur", "sigma": 20.0}


def test_without_baselines_or_a_choice_of_output_nothing_is_made_up() -> None:
    draft = made({"parameters": {}, "metadata": TABULAR["metadata"] | {"inputs": {"age": {}}}})
    assert draft.document["baseline"] == "auto"
    assert "target" not in draft.document["model"]
    assert any("greatest output; set model.target" in note for note in draft.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "neither JSON nor YAML"), ("[1]", "no ExplanationSpec"), ('{"metadata": 3}', "keys of its own"),
     ('{"metadata": {"inputs": [1]}}', "metadata.inputs: it is a map")],
)  # fmt: skip
def test_what_is_no_such_document_is_refused(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        draft_of_vertex(text, name="mine", model="m", data="d")


def test_the_command_writes_the_draft_and_says_what_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "v.json").write_text(json.dumps(TABULAR))
    to = tmp_path / "spec.yaml"
    assert _run(["import-vertex", str(tmp_path / "v.json"), "--name", "mine", "--to", str(to)]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(to)
    assert "not taken over: parameters.integratedGradientsAttribution.stepCount: 50" in err
    assert yaml.safe_load(to.read_text())["name"] == "mine"
    assert _run(["import-vertex", str(tmp_path / "v.json"), "--name", "Not A Name"]) == 2
    assert _run(["import-vertex", str(tmp_path / "absent.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
