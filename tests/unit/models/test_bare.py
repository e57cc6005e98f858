"""Bare artifacts and odd ones: what is said of each, and what a spec, a URI or a folder leads to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import pytest
import yaml
from support import artifacts, tiny
from support.patience import PATIENCE

from ig_tasks.errors import LayerError, ModelError, TrustError
from ig_tasks.models import load_model, open_package
from ig_tasks.spec import load_spec


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_keras_file_says_of_its_inputs(here):
    model = load_model(artifacts.save_keras("both", here))
    inputs = model.package.config.inputs
    assert {name: (spec.kind, spec.dtype, spec.columns) for name, spec in inputs.items()} == {
        "numeric": ("numeric", "float32", ("numeric[0]", "numeric[1]")),
        "carrier": ("categorical", "int64", ("carrier",)),
    }
    assert model.layers == {"carrier": artifacts.LAYER}
    assert (model.package.bare, model.package.config.card.name) == (True, "model")


@pytest.mark.parametrize("saver", ["keras_export", "plain_signature"])
def test_a_saved_model_s_lookups_are_layers_again(saver, here):
    model = load_model(artifacts.SAVERS[saver][1]("both", here))
    assert model.layers == {"carrier": artifacts.LAYER}
    assert set(model.package.config.inputs) == {"numeric", "carrier"}


def test_an_exported_program_s_lookups_are_layers_again(here):
    model = load_model(artifacts.save_export("both", here))
    assert model.layers == {"carrier": artifacts.LAYER}
    assert model.package.config.inputs["numeric"].columns == ("numeric[0]", "numeric[1]")


def test_an_array_goes_into_a_model_of_one_input(here):
    import ig_tasks

    for saver in ("keras", "export"):
        model = load_model(artifacts.SAVERS[saver][1]("numeric", here))
        given = artifacts.arrays("numeric")["numeric"]
        explanation = ig_tasks.explain(model, given, target=0)
        assert explanation.attributions.shape == given.shape
        assert explanation.features == ("x[0]", "x[1]")


@pytest.mark.parametrize("saver", ["safetensors", "weights_h5"])
def test_numbers_alone_need_a_package(saver, here):
    path = artifacts.SAVERS[saver][1]("numeric", here)
    with pytest.raises(ModelError, match=r"holds numbers only; put it into a folder with a model.yaml whose `factory`"):
        load_model(path)


def test_a_state_dict_says_so_once_it_was_trusted(here):
    path = artifacts.save_state_dict("numeric", here)
    with pytest.raises(TrustError) as refused:
        load_model(path)
    trust = str(refused.value).split('trust="')[1].split('"')[0]
    with pytest.raises(ModelError, match=r"holds a state dict, which is numbers only; write a model.yaml"):
        load_model(path, trust=trust)


def test_something_else(here):
    (here / "notes.txt").write_text("x")
    (here / "empty").mkdir()
    with pytest.raises(ModelError, match="it is no artifact that holds a model"):
        load_model(here / "notes.txt")
    with pytest.raises(ModelError, match=r"it holds no model.yaml, and is no artifact that holds a model"):
        load_model(here / "empty")
    with pytest.raises(ModelError, match="there is no such folder"):
        load_model(here / "nowhere")


def test_a_spec_wants_a_package(here):
    path = artifacts.save_keras("numeric", here)
    with pytest.raises(ModelError, match=r"it is a file; a spec needs a folder with model.yaml"):
        open_package(path)


def test_a_spec_leads_to_its_model(tmp_path):
    path = tiny.write_project(tmp_path)
    for given in (path, str(path), load_spec(path)):
        assert load_model(given).package.config.card.name == "Tiny"


def test_a_batch_of_a_fixed_size_is_refused(here):
    path = artifacts.save_export("numeric", here, fixed_batch=True)
    with pytest.raises(
        ModelError, match=r"exported for exactly \(4,\) rows of 'numeric'; export it with dynamic_shapes"
    ):
        load_model(path)


def test_a_program_exported_in_training_mode_is_refused(here):
    import torch

    class Dropping(torch.nn.Module):
        def forward(self, numeric):
            return torch.nn.functional.dropout(numeric, 0.5, self.training)

    path = artifacts.save_export("numeric", here, module=Dropping())
    with pytest.raises(ModelError, match=r"exported in training mode; call model.eval\(\) before the export"):
        load_model(path)


def test_a_layer_that_an_exported_program_does_not_have(tmp_path):
    folder = artifacts.write_package("both", "export", tmp_path / "package")
    document = yaml.safe_load((folder / "model.yaml").read_text())
    document["inputs"]["carrier"]["layer"] = "embed_carier"
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    expected = "embeds nothing by 'embed_carier'; did you mean 'embed_carrier'"
    with pytest.raises(LayerError, match=expected):
        open_package(folder, trusted_root=folder).load()


@pytest.mark.parametrize("how", [{"frozen": True}, {"traced": True}], ids=str)
def test_torchscript_that_was_frozen_or_traced_still_differentiates(how, here):
    import ig_tasks

    model = load_model(artifacts.save_torchscript("numeric", here, **how))
    explanation = ig_tasks.explain(model, artifacts.arrays("numeric"), target=1)
    assert explanation.relative_delta.max() < 0.01


def test_torchscript_that_lost_its_gradients_says_so_with_the_remedy(here):
    import warnings

    import torch

    import ig_tasks

    class Cut(torch.nn.Module):
        def forward(self, numeric):
            return numeric.detach().sum(dim=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.trace(Cut(), torch.ones(2, 2)), "cut.ts")
    with pytest.raises(ModelError, match=r"TorchScript was frozen or traced without gradients.*save the model with"):
        ig_tasks.explain(load_model("cut.ts"), {"numeric": np.ones((2, 2), np.float32)})


class TestUris:
    @pytest.fixture
    def bucket(self, tmp_path, monkeypatch):
        monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
        yield fsspec.filesystem("memory")
        fsspec.filesystem("memory").rm("/bucket", recursive=True)

    def test_a_single_file(self, bucket, tmp_path):
        path = artifacts.save_keras("numeric", tmp_path)
        bucket.put(str(path), "/bucket/model.keras")
        model = load_model("memory://bucket/model.keras")
        assert model.package.weights.is_relative_to(tmp_path / "cache" / "models")
        assert model.package.digest == load_model(path).package.digest
        assert model.predict(artifacts.arrays("numeric")).shape == (4, 2)

    def test_weights_at_a_uri_count_in_the_digest(self, bucket, tmp_path):
        folder = artifacts.write_package("numeric", "keras", tmp_path / "package")
        bucket.put(str(folder / "model.keras"), "/bucket/model.keras")
        text = (
            (folder / "model.yaml").read_text().replace("weights: model.keras", "weights: memory://bucket/model.keras")
        )
        (folder / "model.yaml").write_text(text)
        (folder / "model.keras").unlink()
        first = open_package(folder)
        assert first.load().predict(artifacts.arrays("numeric")).shape == (4, 2)
        bucket.pipe_file("/bucket/model.keras", b"other")
        assert open_package(folder).digest != first.digest

    def test_a_program_at_a_uri_needs_trust_inside_the_project_too(self, bucket, tmp_path):
        folder = artifacts.write_package("numeric", "keras_export", tmp_path / "package")
        bucket.put(str(folder / "saved"), "/bucket/saved", recursive=True)
        text = (folder / "model.yaml").read_text().replace("weights: saved", "weights: memory://bucket/saved")
        (folder / "model.yaml").write_text(text)
        with pytest.raises(TrustError) as refused:
            open_package(folder, trusted_root=tmp_path)
        trust = str(refused.value).split("trust: ")[1].split("`")[0]
        model = open_package(folder, trust=trust).load()
        assert model.predict(artifacts.arrays("numeric")).shape == (4, 2)


def test_keras_on_torch_is_explained_where_it_can_be_and_refused_in_one_line_else(here):
    path = artifacts.save_keras("numeric", here)
    program = f"""
import sys
from ig_tasks.errors import ModelError
from ig_tasks.models import load_model
try:
    load_model({str(path)!r})
except ModelError as error:
    print(error)
import keras, numpy as np
import ig_tasks
plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
print(*set(ig_tasks.explain(plain, np.eye(3, dtype=np.float32)).status))
a, b = keras.Input((2,), name="a"), keras.Input((), name="b", dtype="int64")
joined = keras.layers.Concatenate()([a, keras.layers.Embedding(4, 2, name="embed")(b)])
both = keras.Model({{"a": a, "b": b}}, keras.layers.Dense(1)(joined))
try:
    ig_tasks.explain(both, {{"a": np.ones((1, 2), np.float32), "b": np.array([1])}}, layers={{"b": "embed"}})
except ig_tasks.errors.InputError as error:
    print(error)
"""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE,
        check=True,
    )
    expected = f"framework: Keras runs on torch here, and '{path}' needs tensorflow; set KERAS_BACKEND=tensorflow"
    direct = "model: Keras runs on torch, where only a model of one array of numbers is explained; set "
    assert done.stdout.splitlines() == [
        expected,
        "converged",
        f"{direct}KERAS_BACKEND=tensorflow before importing it",
    ]


def test_loading_imports_only_the_framework_that_is_asked_for(here):
    path = artifacts.save_keras("numeric", here)
    program = f"""
import json, sys
from ig_tasks.models import load_model
load_model({str(path)!r})
print(json.dumps(sorted({{"torch", "transformers", "mlflow"}} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_missing_extra_is_named(here, monkeypatch):
    from ig_tasks.models import package as package_module

    monkeypatch.setattr(package_module, "find_spec", lambda name: None)
    with pytest.raises(
        ModelError, match=r"needs tensorflow, which is not installed; pip install 'ig-tasks\[tensorflow\]'"
    ):
        load_model(artifacts.save_keras("numeric", Path(here)))
