"""model.yaml: what is wrong is said in one line that names the field."""

import pytest

from ig_tasks.errors import ModelError
from ig_tasks.models.config import read_config


def test_a_whole_package(torch_package):
    config = read_config(torch_package)
    assert (config.framework, config.file_format, config.runs_code) == ("torch", "safetensors", True)
    assert config.inputs["carrier"].vocabulary == ("AA", "UA")
    assert config.inputs["carrier"].columns == ("carrier",)
    assert (config.targets["late"].output, config.targets["late"].space) == (0, "logit")
    assert (config.card.version, config.card.owner) == ("1.5", "tests")
    assert config.card.model_extra == {"test": {"auc": 0.5}}


def test_a_keras_file_runs_no_code(keras_package):
    config = read_config(keras_package)
    assert (config.framework, config.file_format, config.runs_code) == ("tensorflow", "keras", False)
    assert config.inputs["carrier"].vocabulary == ("AA", "UA")


def test_a_vocabulary_may_stand_in_model_yaml(torch_package, rewrite):
    rewrite(torch_package, {"inputs.carrier.vocabulary": [1, 2.0, "x"]})
    assert read_config(torch_package).inputs["carrier"].vocabulary == ("1", "2", "x")


def test_a_pickle_counts_as_code(torch_package, rewrite):
    (torch_package / "weights.pt").write_bytes(b"")
    rewrite(torch_package, {"weights": "weights.pt"})
    assert read_config(torch_package).file_format == "state_dict"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"framwork": "torch"}, r"framwork: no such key; did you mean 'framework'\? keys: version, framework"),
        ({"inputs.carrier.vocabluary": []}, r"inputs.carrier.vocabluary: no such key; did you mean 'vocabulary'\?"),
        ({"targets.late.colum": 0}, "targets.late.colum: no such key; keys: output, space"),
        ({"framework": None}, "framework: is missing; add it"),
        ({"framework": "jax"}, "framework: input should be 'torch' or 'tensorflow', not 'jax'"),
        ({"inputs": {}}, "inputs: dictionary should have at least 1 item"),
        ({"targets": None}, "targets: is missing; add it"),
        ({"targets.late.space": "Log odds"}, "targets.late.space: write lower-case letters, .*, not 'Log odds'"),
        ({"inputs.carrier.kind": "categoric"}, r"not 'categoric'; did you mean 'categorical'\?"),
        ({"factory": "model.build"}, "factory: write file:function, such as model:build, not 'model.build'"),
        ({"factory": None}, "factory: 'weights.safetensors' holds numbers only"),
        ({"factory": "modell:build"}, "factory: the package holds no file 'modell.py'"),
        ({"weights": "none.safetensors"}, "weights: the package holds no file 'none.safetensors'"),
        ({"weights": "../weights.safetensors"}, "weights: '../weights.safetensors' is not the name of a file inside"),
        ({"weights": "/etc/passwd"}, "weights: '/etc/passwd' is not the name of a file inside the package"),
        ({"weights": "model.keras"}, r"format: torch reads safetensors, state_dict, .*, not 'model.keras'"),
        ({"inputs.carrier.vocabulary": "../x.json"}, "inputs.carrier.vocabulary: .* not the name of a file inside"),
        ({"inputs.carrier.vocabulary": "x.json"}, "inputs.carrier.vocabulary: the package holds no file 'x.json'"),
        ({"inputs.carrier.vocabulary": "model.py"}, "inputs.carrier.vocabulary: 'model.py' cannot be read as JSON"),
        ({"inputs.numeric.vocabulary": "vocabulary.json"}, "'vocabulary.json' has no list 'numeric'; lists: carrier"),
        ({"inputs.carrier.unknown": 1}, "inputs.carrier: unknown: id 1 is also the id"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_faults(torch_package, rewrite, fields, message):
    if fields == {"inputs.carrier.unknown": 1}:
        fields = {**fields, "inputs.carrier.offset": None}
    rewrite(torch_package, fields)
    with pytest.raises(ModelError, match=message) as raised:
        read_config(torch_package)
    assert "\n" not in str(raised.value)
    assert "model.yaml" in str(raised.value)


def test_a_keras_file_needs_no_factory(keras_package, rewrite):
    rewrite(keras_package, {"factory": "model:build"})
    with pytest.raises(ModelError, match=r"factory: a .keras file holds the model"):
        read_config(keras_package)


def test_several_faults_are_named(torch_package, rewrite):
    rewrite(torch_package, {"framework": None, "owner": "x"})
    with pytest.raises(ModelError, match=r"owner: no such key; did you mean 'card.owner'\? \(also wrong: framework\)$"):
        read_config(torch_package)


@pytest.mark.parametrize("text", ["a: [", "- a", ""], ids=["syntax", "list", "empty"])
def test_not_yaml(torch_package, text):
    (torch_package / "model.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"model.yaml' is not (YAML|a mapping)") as raised:
        read_config(torch_package)
    assert "\n" not in str(raised.value)


def test_no_model_yaml(torch_package):
    (torch_package / "model.yaml").unlink()
    with pytest.raises(ModelError, match=r"holds no model.yaml"):
        read_config(torch_package)
