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
from ig_tasks.spec.imported.draft import Draft
from ig_tasks.spec.imported.vertex import draft_of_vertex

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


def made(document: Any) -> Draft:
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
        (
            {"integratedGradientsAttribution": {"smoothGradConfig": {"noiseSigma": 0.1}}},
            {},
            "attribution.method: noise_averaged",
        ),
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


# Documents as people have them, after the public reference of the API.
CENSUS = """
# gcloud ai models describe --format yaml
displayName: census
explanationSpec:
  parameters:
    integratedGradientsAttribution: {stepCount: 50}
    outputIndices: [1.0]
    topK: 1
  metadata:
    inputs:
      numbers:
        inputTensorName: numbers
        encoding: BAG_OF_FEATURES
        indexFeatureMapping: [age, hours_per_week]
        inputBaselines: [[38.5, 40.0]]
        groupName: figures
      occupation:
        inputTensorName: occupation
        encoding: COMBINED_EMBEDDING
        encodedTensorName: occupation_embedded
        encodedBaselines: [[0.0, 0.0]]
    outputs:
      probabilities: {outputTensorName: dense_2, indexDisplayNameMapping: [low, high]}
name: projects/1/locations/europe-west4/models/2
"""
PHOTOS = {
    "model": {
        "displayName": "photos",
        "explanationSpec": {
            "parameters": {"xraiAttribution": {"stepCount": 25, "blurBaselineConfig": {"maxBlurSigma": 20.0}}},
            "metadata": {
                "inputs": {
                    "bytes": {
                        "inputTensorName": "keras_tensor",
                        "modality": "image",
                        "featureValueDomain": {"minValue": 0.0, "maxValue": 255.0},
                        "visualization": {"type": "OUTLINES", "polarity": "BOTH", "clipPercentUpperbound": 99.9},
                    }
                },
                "outputs": {"scores": {"outputTensorName": "scores", "displayNameMappingKey": "labels"}},
            },
        },
    }
}
REVIEWS = {
    "inputs": {
        "ids": {
            "input_tensor_name": "ids",
            "encoding": "concat_embedding",
            "encoded_tensor_name": "embedding/lookup",
            "input_baselines": [0],
        }
    },
    "outputs": {"sentiment": {"output_tensor_name": "logit"}},
}
SERVED = {
    "deployedModels": [
        {"id": "1", "explanationSpec": {
            "parameters": {"sampledShapleyAttribution": {"pathCount": 10}},
            "metadata": {
                "inputs": {"applicant": {"inputBaselines": [{"years_employed": 4, "own_home": "yes"}], "encoding": 1}},
                "outputs": {"risk": {}},
            },
        }}
    ]
}  # fmt: skip


def test_a_model_as_gcloud_describes_it() -> None:
    draft = draft_of_vertex(CENSUS, name="census", model="m", data="d")
    ExplanationSpec.model_validate(draft.document)
    assert draft.document["model"] == {"uri": "m", "target": "high"}
    assert draft.document["baseline"] == {"strategy": "constant", "value": {"age": 38.5, "hours_per_week": 40.0}}
    assert draft.document["features"] == {"age": {"group": "figures"}, "hours_per_week": {"group": "figures"}}
    assert [note.partition(":")[0] for note in draft.notes] == [
        "metadata.outputs.probabilities.outputTensorName",
        "metadata.inputs.numbers.inputTensorName",
        "metadata.inputs.numbers.encoding",
        "metadata.inputs.numbers.indexFeatureMapping",
        "metadata.inputs.occupation.inputTensorName",
        "metadata.inputs.occupation.encoding",
        "metadata.inputs.occupation.encodedTensorName",
        "metadata.inputs.occupation.encodedBaselines",
        "parameters.integratedGradientsAttribution.stepCount",
    ]


def test_an_upload_of_an_image_model() -> None:
    draft = made(PHOTOS)
    assert draft.document["baseline"] == {"strategy": "blur", "sigma": 20.0}
    assert draft.document["model"] == {"uri": "m", "target": "scores"}
    said = "\n".join(draft.notes)
    for place in ("xraiAttribution: regions", "xraiAttribution.stepCount", "bytes.modality", "bytes.featureValueDomain",
                  "bytes.visualization", "scores.displayNameMappingKey"):  # fmt: skip
        assert place in said
    assert len(draft.notes) == 8


def test_a_file_of_metadata_alone() -> None:
    draft = made(REVIEWS)
    assert draft.document["baseline"] == {"strategy": "constant", "value": {"ids": 0}}
    assert draft.document["model"]["target"] == "sentiment"
    assert "metadata.inputs.ids.encoding: CONCAT_EMBEDDING; name the embedding layer in model.yaml" in draft.notes[2]


def test_an_endpoint_whose_model_takes_structures() -> None:
    draft = made(SERVED)
    assert draft.document["baseline"] == {"strategy": "constant", "value": {"years_employed": 4, "own_home": "yes"}}
    (note,) = draft.notes
    assert note.startswith("parameters.sampledShapleyAttribution: pathCount 10; Shapley values are not sampled")


def test_of_several_specs_one_has_to_be_given() -> None:
    one = SERVED["deployedModels"][0]
    with pytest.raises(SpecError, match=r"2 ExplanationSpecs \(deployedModels\[0\].explanationSpec, deployedMod"):
        made({"deployedModels": [one, one]})


@pytest.mark.parametrize(
    ("encoding", "said"),
    [(4, "INDICATOR; describe it in model.yaml as an input of kind one_hot"), ("identity", None), (0, None),
     ("SPIRAL", "SPIRAL; not an encoding of Vertex AI")],
)  # fmt: skip
def test_encodings_by_name_and_by_number(encoding: Any, said: str | None) -> None:
    notes = made({"metadata": {"inputs": {"x": {"encoding": encoding}}, "outputs": {}}}).notes
    assert list(notes) == ([] if said is None else [f"metadata.inputs.x.encoding: {said}"])


@pytest.mark.parametrize(
    ("indices", "target"), [([2.0], 2), ([1.5], None), ([-1], None), ([True], None), ([[0, 1]], None)]
)
def test_the_index_of_an_output_is_a_whole_number(indices: Any, target: int | None) -> None:
    draft = made({"parameters": {"outputIndices": indices}, "metadata": {"inputs": {}, "outputs": {"out": {}}}})
    assert draft.document["model"].get("target") == target
    assert any("set model.target" in note for note in draft.notes) == (target is None)


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
