"""What a run was planned of, through JSON and back."""

import json
import math
from pathlib import Path

import pytest
import yaml

from ig_tasks.errors import SpecError
from ig_tasks.models.config import ModelConfig, read_config
from ig_tasks.models.target_config import Target
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.validation import predicted_of

SHIPPED = sorted(path.parent for path in (Path(__file__).parents[3] / "include" / "models").glob("*/model.yaml"))


def facts_of(config):
    return PlanFacts("2013-02", 7, "sha256:0", config, fitted_on_own_rows=False)


def again(facts):
    return PlanFacts.from_json(json.loads(facts.to_bytes()))


def config_of(inputs, **changes):
    document = {"framework": "torch", "factory": "model:build", "weights": "w.safetensors", "inputs": inputs}
    return ModelConfig.model_validate({**document, "targets": {"y": {}}, **changes})


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_shipped_packages_come_back(folder):
    if not (folder / str(yaml.safe_load((folder / "model.yaml").read_text())["weights"])).exists():
        pytest.skip("its weights are not made yet")
    facts = facts_of(read_config(folder))
    assert again(facts).config.model_copy(update={"arguments": facts.config.arguments}) == facts.config
    assert again(facts).features == facts.features


@pytest.mark.parametrize(
    "inputs",
    [
        {"n": {"columns": ["a", "b"], "dtype": "float64", "kind": "numeric"}},
        {"n": {"columns": ["a"], "missing": {"a": -1.5}}},
        {"k": {"columns": ["k"], "kind": "one_hot", "vocabulary": ["x", "y"], "unknown": "zeros"}},
        {"k": {"columns": ["k"], "vocabulary": ["1", 2.0, "\u00fc"], "offset": 1, "unknown": 0, "layer": "e"}},
        {"k": {"columns": ["0", "q"], "dtype": "int64", "layer": {"0": "e", "q": ["f", "g"]}}},
        {
            "x": {"kind": "array", "columns": ["x"], "shape": [2], "dtype": "int64", "layer": {0: "e", 1: "f"}},
            "n": {"columns": ["a"]},
        },
        {"t": {"columns": ["t"], "kind": "tokens", "length": 4, "tokenizer": "/not/there/tokenizer.json"}},
        {"i": {"columns": ["i"], "kind": "image", "shape": [4, 4, 3], "scale": 1 / 255, "grid": [2, 2]}},
        {"b": {"columns": ["b"], "kind": "bag", "vocabulary": ["x"], "offset": 1, "length": 3, "separator": ";"}},
    ],
)
def test_every_kind_of_input_comes_back(inputs):
    config = config_of(inputs, **({"preprocess": "p:f"} if "x" in inputs else {}))
    facts = again(facts_of(config))
    assert facts.config == config
    assert {name: spec.layers for name, spec in facts.config.inputs.items()} == {
        name: spec.layers for name, spec in config.inputs.items()
    }


def test_targets_and_card_come_back_and_arguments_do_not():
    calibration = {"method": "isotonic", "of": "probability", "x": [0.1, 0.5, 1 / 3 + 0.3], "y": [0.0, 0.25, 1.0]}
    config = config_of(
        {"n": {"columns": ["a"]}},
        targets={"y": {"space": "logit", "threshold": 0.3, "calibration": calibration}},
        card={"name": "M", "auc": 0.1 + 0.2, "loss": math.nan},
        arguments={"width": math.inf},
    )
    facts = again(facts_of(config))
    assert facts.config.targets == config.targets
    assert facts.config.card.model_dump() == {**config.card.model_dump(), "loss": None}
    assert facts.config.arguments == {}


def test_the_target_of_a_spec_is_named_with_its_space():
    config = config_of(
        {"n": {"columns": ["a"]}}, targets={"late": {"space": "logit", "output": 1, "activation": "sigmoid"}}
    )
    facts = again(facts_of(config))
    by_column = facts.target(spec_of(target=1, space="probability"))
    assert by_column == Target("late", config.targets["late"], "probability")
    assert facts.target(spec_of()) == Target("late", config.targets["late"], "logit")


def test_a_space_of_stored_predictions_that_outputs_do_not_tell_names_its_field():
    softmax = {"space": "logit", "output": 1, "activation": "softmax"}
    facts = again(facts_of(config_of({"n": {"columns": ["a"]}}, targets={"late": softmax})))
    told = predicted_of(spec_of(parity={"space": "logit"}), facts)
    assert told is None
    with pytest.raises(
        SpecError, match=r"^validation\.parity\.space: target 'late': numbers in space 'logit' do not say"
    ):
        predicted_of(spec_of(parity={"space": "probability"}), facts)


def spec_of(parity=None, **model):
    document = {"version": 1, "name": "tiny", "model": {"uri": "m", **model}, "baseline": "auto"}
    data = {"uri": "d", "prediction": "p"}
    return ExplanationSpec.model_validate({**document, "data": data, "validation": {"parity": parity or {}}})
