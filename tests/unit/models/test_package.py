"""open_package and load: trust, caches, one-line errors; the same answers from both frameworks."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.patience import PATIENCE

import ig_tasks.models.package as package_module
from ig_tasks.errors import LayerError, ModelError, TrustError
from ig_tasks.models import load_model, open_package
from ig_tasks.models.contents import Feature

INPUTS = {
    "numeric": np.array([[3, 1], [0, 2], [1, 1]], dtype=np.float32),
    "carrier": np.array([1, 2, 0], dtype=np.int64),
}
LOGITS = [[3 - 2 + 0.5 + 8], [0 - 4 + 2 + 32], [1 - 2]]


def test_opening_imports_no_framework(package_root):
    code = (
        "import sys; from ig_tasks.models import open_package\n"
        f"open_package({str(package_root)!r}, trusted_root={str(package_root)!r}).features\n"
        "print(sorted({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.strip() == "[]"


def test_features_are_the_columns_in_the_inputs_order(package_root):
    features = open_package(package_root, trusted_root=package_root).features
    assert features == (
        Feature("temp", "numeric", "temp", "numeric"),
        Feature("wind", "numeric", "wind", "numeric"),
        Feature("carrier", "carrier", "carrier", "categorical"),
    )


def test_a_column_read_twice_makes_two_features(torch_package, rewrite):
    rewrite(torch_package, {"inputs.wide": {"columns": ["temp"]}})
    names = [feature.name for feature in open_package(torch_package, trusted_root=torch_package).features]
    assert names == ["temp (numeric)", "wind", "carrier", "temp (wide)"]


def test_predictions(package_root):
    loaded = open_package(package_root, trusted_root=package_root.parent).load()
    assert loaded.predict(INPUTS).tolist() == LOGITS
    assert loaded.layers == {"carrier": "embed_carrier"}


def test_load_model_trusts_the_working_folder(torch_package, monkeypatch):
    with pytest.raises(TrustError):
        load_model(torch_package)
    monkeypatch.chdir(torch_package.parent)
    assert load_model("tiny_torch").predict(INPUTS).tolist() == LOGITS


class TestTrust:
    def test_code_outside_the_project_is_refused_with_the_line_to_add(self, torch_package, tmp_path):
        (tmp_path / "project").mkdir()
        digest = open_package(torch_package, trusted_root=tmp_path).digest
        with pytest.raises(TrustError, match=f"outside the project; .* add `trust: {digest}` under `model`"):
            open_package(torch_package, trusted_root=tmp_path / "project")
        assert open_package(torch_package, trust=digest, trusted_root=tmp_path / "project").digest == digest

    def test_a_sibling_folder_whose_name_begins_alike_is_outside(self, torch_package, tmp_path):
        (tmp_path / "tiny").mkdir()
        with pytest.raises(TrustError):
            open_package(torch_package, trusted_root=tmp_path / "tiny")

    def test_a_changed_package_is_refused_even_inside(self, torch_package):
        digest = open_package(torch_package, trusted_root=torch_package).digest
        (torch_package / "notes.txt").write_text("x")
        with pytest.raises(TrustError, match="it has changed, or is another one"):
            open_package(torch_package, trust=digest, trusted_root=torch_package)

    def test_a_link_into_the_project_does_not_move_the_package(self, torch_package, tmp_path):
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "link").symlink_to(torch_package)
        with pytest.raises(TrustError):
            open_package(tmp_path / "project" / "link", trusted_root=tmp_path / "project")

    def test_a_keras_file_needs_no_trust(self, keras_package):
        assert open_package(keras_package).load().predict(INPUTS).tolist() == LOGITS

    def test_code_changed_after_opening_does_not_run(self, torch_package):
        (torch_package / "notes.txt").write_text("a digest that no other test has imported the code of")
        package = open_package(torch_package, trusted_root=torch_package)
        (torch_package / "model.py").write_text("raise SystemExit('ran')")
        with pytest.raises(ModelError, match=r"model.py' has changed since the model package was opened"):
            package.load()

    def test_bytecode_beside_the_code_neither_runs_nor_appears(self, torch_package, monkeypatch):
        """A .pyc is outside the digest; Python would prefer an unchecked one to the source."""
        import py_compile

        monkeypatch.setattr(sys, "dont_write_bytecode", False)
        (torch_package / "notes.txt").write_text("a digest that no other test has imported either")
        source = torch_package / "model.py"
        good = source.read_text()
        source.write_text("raise SystemExit('bytecode ran')")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        evil = Path(py_compile.compile(str(source), invalidation_mode=mode, doraise=True) or "")
        source.write_text(good)
        written = evil.stat().st_mtime_ns
        open_package(torch_package, trusted_root=torch_package).load()
        assert evil.stat().st_mtime_ns == written
        assert list((torch_package / "__pycache__").iterdir()) == [evil]


class TestCode:
    def test_files_import_each_other_and_two_packages_do_not_meet(self, torch_package, tmp_path):
        import shutil

        second = shutil.copytree(torch_package, tmp_path / "second")
        (second / "layers.py").write_text("SCALE = 2.0")
        with (second / "model.py").open("a") as file:
            file.write("\nfrom .layers import SCALE\nTiny.extra = SCALE\n")
        before = set(sys.path)
        one = open_package(torch_package, trusted_root=tmp_path).load()
        two = open_package(second, trusted_root=tmp_path).load()
        assert two.model.extra == 2.0
        assert not hasattr(one.model, "extra")
        assert type(one.model) is not type(two.model)
        assert importlib.util.find_spec("layers") is None
        assert set(sys.path) == before

    def test_the_same_package_gives_the_same_class(self, torch_package):
        package = open_package(torch_package, trusted_root=torch_package)
        assert type(package.load().model) is type(package.load().model)

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("import nothing_of_that_name", "cannot be imported: ModuleNotFoundError: No module named"),
            ("def build(", "cannot be imported: SyntaxError"),
            ("def biuld(categories): ...", r"has no function 'build'; did you mean 'biuld'\?"),
            ("def build(categories): return {}", "returned a dict, not a torch.nn.Module"),
            ("def build(): ...", r"failed: TypeError: build\(\) got an unexpected keyword argument 'categories'"),
        ],
        ids=["import", "syntax", "absent", "class", "arguments"],
    )
    def test_faults(self, torch_package, code, message):
        (torch_package / "model.py").write_text(code)
        with pytest.raises(ModelError, match=message) as raised:
            open_package(torch_package, trusted_root=torch_package).load()
        assert "\n" not in str(raised.value)


class TestWeights:
    @pytest.fixture
    def save(self, torch_package):
        from safetensors.torch import load_file, save_file

        def change(remove=(), **more):
            weights = {k: v for k, v in load_file(torch_package / "weights.safetensors").items() if k not in remove}
            save_file({**weights, **more}, torch_package / "weights.safetensors")
            return open_package(torch_package, trusted_root=torch_package)

        return change

    def test_missing(self, save):
        with pytest.raises(ModelError, match=r"weights: .* does not fit Tiny: missing 'shift', 'output.weight'$"):
            save(remove=("output.weight", "shift")).load()

    def test_unexpected(self, save):
        import torch

        with pytest.raises(ModelError, match=r"does not fit Tiny: unexpected 'a', 'b', 'c' and 1 more$"):
            save(**{name: torch.zeros(1) for name in "abcd"}).load()

    def test_shape(self, save):
        import torch

        with pytest.raises(ModelError, match=r"'shift' is \(3,\), the model needs \(2,\)"):
            save(shift=torch.zeros(3)).load()

    def test_not_the_format(self, package_root):
        weights = next(p for p in package_root.iterdir() if p.name in {"weights.safetensors", "model.keras"})
        weights.write_bytes(b"nothing")
        with pytest.raises(ModelError, match=r"weights: .* cannot be read") as raised:
            open_package(package_root, trusted_root=package_root).load()
        assert "\n" not in str(raised.value)

    def test_a_state_dict(self, torch_package, rewrite):
        import torch
        from safetensors.torch import load_file

        torch.save(load_file(torch_package / "weights.safetensors"), torch_package / "weights.pt")
        rewrite(torch_package, {"weights": "weights.pt"})
        assert open_package(torch_package, trusted_root=torch_package).load().predict(INPUTS).tolist() == LOGITS

    def test_a_pickle_with_code_does_not_run(self, torch_package, rewrite):
        import pickle

        class Evil:
            def __reduce__(self):
                return (os.mkdir, (str(torch_package / "ran"),))

        (torch_package / "weights.pt").write_bytes(pickle.dumps({"x": Evil()}))
        rewrite(torch_package, {"weights": "weights.pt"})
        with pytest.raises(ModelError, match=r"weights: .* cannot be read"):
            open_package(torch_package, trusted_root=torch_package).load()
        assert not (torch_package / "ran").exists()

    def test_a_keras_file_that_is_no_model(self, keras_package):
        import keras

        layer = keras.layers.Dense(1)
        layer.build((None, 2))
        keras.saving.save_model(layer, keras_package / "model.keras")
        with pytest.raises(ModelError, match=r"holds a Dense, not a keras.Model"):
            open_package(keras_package).load()

    def test_a_keras_factory_with_bare_weights(self, keras_package, rewrite):
        import keras

        keras.saving.load_model(keras_package / "model.keras").save_weights(keras_package / "model.weights.h5")
        (keras_package / "model.py").write_text(
            "import keras\n"
            "def build(width):\n"
            "    numeric, carrier = keras.Input((2,), name='numeric'), keras.Input((), name='carrier', dtype='int64')\n"
            "    embedded = keras.layers.Embedding(3, width, name='embed_carrier')(carrier)\n"
            "    joined = keras.layers.Concatenate(name='joined')([numeric, embedded])\n"
            "    return keras.Model([numeric, carrier], keras.layers.Dense(1, use_bias=False, name='output')(joined))\n"
        )
        rewrite(keras_package, {"weights": "model.weights.h5", "factory": "model:build", "arguments": {"width": 2}})
        loaded = open_package(keras_package, trusted_root=keras_package).load()
        assert loaded.predict(INPUTS).tolist() == LOGITS
        assert set(loaded.model.input) == {"numeric", "carrier"}


class TestModelAndPackageMustAgree:
    def test_layer(self, package_root, rewrite):
        rewrite(package_root, {"inputs.carrier.layer": "embed_carier"})
        with pytest.raises(
            LayerError,
            match=r"inputs.carrier.layer: the model has no layer 'embed_carier'; did you mean 'embed_carrier'\? layers",
        ):
            open_package(package_root, trusted_root=package_root).load()

    def test_input_that_the_model_does_not_take(self, package_root, rewrite):
        rewrite(package_root, {"inputs.numerc": {"columns": ["temp"]}})
        with pytest.raises(ModelError, match=r"inputs.numerc: .* no such (argument|input); did you mean 'numeric'\?"):
            open_package(package_root, trusted_root=package_root).load()

    def test_input_that_is_not_described(self, package_root, rewrite):
        rewrite(package_root, {"inputs.numeric": None})
        with pytest.raises(ModelError, match=r"needs an input 'numeric', which model.yaml does not describe"):
            open_package(package_root, trusted_root=package_root).load()

    def test_framework_that_is_not_installed(self, package_root, monkeypatch):
        framework = open_package(package_root, trusted_root=package_root).config.framework
        monkeypatch.setattr(package_module, "find_spec", lambda name: None if name == framework else object())
        with pytest.raises(ModelError, match=rf"needs {framework}, .* pip install 'ig-tasks\[{framework}\]'"):
            open_package(package_root, trusted_root=package_root).load()

    def test_device_that_is_not_there(self, torch_package):
        with pytest.raises(ModelError, match="cannot be moved to device 'cuda:99'"):
            open_package(torch_package, trusted_root=torch_package).load("cuda:99")
