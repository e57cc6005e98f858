"""What could run code is refused before anything of it runs, in one line; a changed package is refused in every format.

The pickles and programs here would write a file if anything of them ran.
"""

from __future__ import annotations

import json
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import yaml
from support import artifacts

from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models import load_model, open_package
from ig_tasks.models.digest import digest_of, file_digests


@pytest.fixture
def proof(tmp_path, monkeypatch):
    """The file that would be written."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return tmp_path / "it_ran"


class Bomb:
    """Writes `path` when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (eval, (f"open({self.path!r}, 'w').close()",))


def torch_bomb(path: Path, proof: Path) -> Path:
    import torch

    torch.save({"weight": Bomb(proof)}, path)
    return path


def assert_refused(call, proof: Path, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as raised:
        call()
    assert "\n" not in str(raised.value)
    assert not proof.exists(), "a part of it ran"


def package_of(folder: Path, weights: Path, **more) -> Path:
    document = {
        "framework": "torch",
        "weights": weights.name,
        "inputs": {"numeric": {"columns": ["a", "b"]}},
        "targets": {"late": {"output": 0}},
        **more,
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    return folder


def digest(folder: Path) -> str:
    return digest_of(file_digests(folder))


def test_the_bomb_goes_off_where_pickles_are_read(proof, tmp_path):
    pickle.loads(pickle.dumps(Bomb(proof)))
    assert proof.exists()


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.bin"])
def test_a_bare_pickle_is_refused(name, proof, tmp_path):
    path = torch_bomb(tmp_path / name, proof)
    expected = r"holds a pickle, .* nothing of it was run; if you trust it, add `trust=\"sha256:[0-9a-f]{64}\"` to"
    assert_refused(lambda: load_model(path), proof, TrustError, expected)


def test_a_bare_pickle_in_the_working_folder_is_refused_as_well(proof):
    path = torch_bomb(Path("model.pt"), proof)
    assert_refused(lambda: load_model(path), proof, TrustError, "holds a pickle")


def test_a_pickled_module_in_a_package_needs_trust_even_inside_the_project(proof, tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    package_of(folder, torch_bomb(folder / "model.pt", proof), format="module")
    expected = f"holds a pickle, .* add `trust: {digest(folder)}` under `model`"
    assert_refused(lambda: open_package(folder, trusted_root=tmp_path), proof, TrustError, expected)


def test_a_state_dict_is_read_without_running_what_it_holds_even_if_trusted(proof, tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "model.py").write_text("import torch\n\n\ndef build():\n    return torch.nn.Linear(2, 1)\n")
    torch_bomb(folder / "weights.pt", proof)
    package_of(folder, folder / "weights.pt", factory="model:build", inputs={"input": {"columns": ["a", "b"]}})
    assert_refused(lambda: open_package(folder), proof, TrustError, "runs code and lies outside the project")
    opened = open_package(folder, trust=digest(folder))
    assert_refused(opened.load, proof, ModelError, "weights: .* cannot be read: UnpicklingError")


def test_an_exported_program_that_holds_a_pickle_is_refused(proof, tmp_path):
    path = artifacts.save_export("numeric", tmp_path)
    infected = tmp_path / "infected.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(infected, "w") as new:
        for item in old.infolist():
            held = pickle.dumps(Bomb(proof)) if item.filename.endswith((".pt", "weight")) else old.read(item)
            new.writestr(item.filename, held)
    assert_refused(lambda: load_model(infected), proof, TrustError, "runs code and lies outside the project")


@pytest.mark.parametrize("saver", ["torchscript", "keras_export"])
def test_programs_are_refused_outside_the_project(saver, proof, tmp_path):
    path = artifacts.SAVERS[saver][1]("numeric", tmp_path)
    assert_refused(lambda: load_model(path), proof, TrustError, "runs code and lies outside the project")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_lambda_is_refused_and_not_run(suffix, proof, tmp_path):
    import keras

    inputs = keras.Input((2,), name="numeric")
    source = f"open({str(proof)!r}, 'w').close()"
    outputs = keras.layers.Lambda(lambda x: (exec(source), x)[1], output_shape=(2,))(inputs)  # noqa: S102
    path = tmp_path / f"model{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keras.Model(inputs, outputs).save(path)
    proof.unlink(missing_ok=True)
    assert_refused(lambda: load_model(path), proof, ModelError, "cannot be read: .*(Lambda|lambda)")


def test_pickled_weights_of_a_hugging_face_folder(proof, tmp_path):
    pytest.importorskip("transformers")
    folder = tmp_path / "hub"
    folder.mkdir()
    config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "hidden_size": 8,
              "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8, "vocab_size": 16}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    torch_bomb(folder / "pytorch_model.bin", proof)
    assert_refused(lambda: load_model(folder), proof, TrustError, "runs code and lies outside the project")
    trust = digest(folder)
    assert_refused(lambda: load_model(folder, trust=trust), proof, ModelError, "cannot be loaded: ")


def test_code_of_a_hugging_face_folder_is_never_run(proof, tmp_path):
    pytest.importorskip("transformers")
    folder = tmp_path / "hub"
    folder.mkdir()
    config = {
        "model_type": "own",
        "architectures": ["OwnForSequenceClassification"],
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForSequenceClassification": "own.Own"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(proof)!r}, 'w').close()\n")
    (folder / "model.safetensors").write_bytes(b"")
    assert_refused(lambda: load_model(folder), proof, ModelError, "cannot be loaded: ")


def test_an_mlflow_pickle_is_refused(proof, tmp_path):
    folder = tmp_path / "logged"
    (folder / "data").mkdir(parents=True)
    torch_bomb(folder / "data" / "model.pth", proof)
    (folder / "MLmodel").write_text("flavors:\n  pytorch: {model_data: data}\n")
    assert_refused(lambda: load_model(folder), proof, TrustError, "holds a pickle")


def test_custom_objects_of_mlflow_are_refused(proof, tmp_path):
    folder = tmp_path / "logged"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "custom_objects.cloudpickle").write_bytes(pickle.dumps(Bomb(proof)))
    (folder / "MLmodel").write_text("flavors:\n  tensorflow: {data: data, model_type: keras}\n")
    assert_refused(lambda: load_model(folder), proof, ModelError, "its custom objects are a pickle")


@pytest.mark.parametrize("saver", artifacts.SAVERS)
def test_a_package_that_changed_after_it_was_trusted_is_refused(saver, tmp_path):
    folder = artifacts.write_package("numeric", saver, tmp_path / "package")
    trust = digest(folder)
    assert open_package(folder, trust=trust).digest == trust
    weights = folder / yaml.safe_load((folder / "model.yaml").read_text())["weights"]
    changed = next(iter(sorted(path for path in weights.rglob("*") if path.is_file())), weights)
    changed.write_bytes(changed.read_bytes() + b"\0")
    with pytest.raises(TrustError, match="it has changed, or is another one"):
        open_package(folder, trust=trust, trusted_root=tmp_path)


@pytest.mark.parametrize("saver", ["module", "export", "torchscript", "keras_export"])
def test_a_program_or_pickle_that_changed_after_it_was_opened_is_not_read(saver, tmp_path):
    folder = artifacts.write_package("numeric", saver, tmp_path / "package")
    opened = open_package(folder, trust=digest(folder))
    target = opened.weights / "saved_model.pb" if opened.weights.is_dir() else opened.weights
    target.write_bytes(target.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="has changed since the model package was opened"):
        opened.load()
