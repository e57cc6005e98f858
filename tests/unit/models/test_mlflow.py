"""Models of a local MLflow registry: by version and by alias, what they were logged as, and packages among them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import artifacts

from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models import load_model, open_package
from ig_tasks.models.mlflow import is_registered, model_inside

mlflow = pytest.importorskip("mlflow")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite registry, made once: its tables take seconds."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder}/mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.MlflowClient(uri).search_registered_models()
    return uri


@pytest.fixture
def client(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(database)
    yield mlflow.MlflowClient()
    mlflow.set_tracking_uri(before)


def register(client: Any, name: str, folder: Path) -> str:
    """The folder's files as the next version of a model; returns its number."""
    if not client.search_registered_models(f"name='{name}'"):
        client.create_registered_model(name)
    return str(client.create_model_version(name, source=str(folder)).version)


def logged(folder: Path, kind: str, saver: str, flavours: dict[str, Any], inside: str = "data") -> Path:
    (folder / inside).mkdir(parents=True)
    artifacts.SAVERS[saver][1](kind, folder / inside)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {**flavours, "python_function": {}}}))
    return folder


def trusted(uri: str) -> Any:
    with pytest.raises(TrustError) as refused:
        load_model(uri)
    return load_model(uri, trust=str(refused.value).split('trust="')[1].split('"')[0])


def test_a_version_and_an_alias_are_the_same_model(client, tmp_path):
    folder = logged(tmp_path / "logged", "both", "keras", {"tensorflow": {"data": "data", "model_type": "keras"}})
    version = register(client, "flights", folder)
    client.set_registered_model_alias("flights", "champion", version)
    inputs = artifacts.arrays("both")
    first, second = load_model(f"models:/flights/{version}"), load_model("models:/flights@champion")
    assert first.package.digest == second.package.digest
    assert first.predict(inputs).tolist() == second.predict(inputs).tolist()
    assert first.layers == {"carrier": artifacts.LAYER}


def test_an_alias_that_moved_is_another_model(client, tmp_path):
    digests = []
    for number in range(2):
        folder = tmp_path / f"logged{number}"
        logged(folder, "numeric", "keras", {"tensorflow": {"data": "data", "model_type": "keras"}})
        (folder / "note.txt").write_text(str(number))
        client.set_registered_model_alias("moving", "champion", register(client, "moving", folder))
        digests.append(load_model("models:/moving@champion").package.digest)
    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("saver", "flavours", "inside"),
    [
        ("module", {"pytorch": {"model_data": "data"}}, "data"),
        ("export", {"pytorch": {"model_data": "data"}}, "data"),
        ("keras_export", {"tensorflow": {"saved_model_dir": "saved", "model_type": "tf2-module"}}, "."),
        ("keras", {"keras": {"data": "data/model"}}, "data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_flavours(saver, flavours, inside, client, tmp_path):
    folder = logged(tmp_path / "logged", "numeric", saver, flavours, inside)
    if saver == "module":
        (folder / "data" / "model.pt").rename(folder / "data" / "model.pth")
    uri = f"models:/{saver}/{register(client, saver, folder)}"
    model = load_model(uri) if saver == "keras" else trusted(uri)
    channels = "first" if artifacts.SAVERS[saver][0] == "torch" else "last"
    assert model.predict(artifacts.arrays("numeric", channels=channels)).shape == (4, 2)


def test_what_mlflow_itself_logs(client, tmp_path):
    import mlflow.pytorch
    import torch

    torch.manual_seed(0)
    module = torch.nn.Linear(3, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pytorch.save_model(module, tmp_path / "saved", serialization_format="pickle", pip_requirements=[])
    model = trusted(f"models:/linear/{register(client, 'linear', tmp_path / 'saved')}")
    x = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(model.predict({"input": x})[:, 0], (module.weight + module.bias)[0].detach(), rtol=1e-6)


def test_a_package_that_was_logged(client, tmp_path):
    folder = artifacts.write_package("both", "keras", tmp_path / "logged" / "package")
    (tmp_path / "logged" / "MLmodel").write_text("flavors: {python_function: {}}\n")
    uri = f"models:/packaged/{register(client, 'packaged', tmp_path / 'logged')}"
    package = open_package(uri)
    assert package.digest == open_package(folder).digest
    assert package.columns == ["a", "b", "carrier"]


def test_weights_of_a_package_from_the_registry(client, tmp_path):
    folder = logged(tmp_path / "logged", "numeric", "keras", {"tensorflow": {"data": "data", "model_type": "keras"}})
    version = register(client, "weights", folder)
    package = artifacts.write_package("numeric", "keras", tmp_path / "package")
    (package / "model.keras").unlink()
    text = (package / "model.yaml").read_text().replace("weights: model.keras", f"weights: models:/weights/{version}")
    (package / "model.yaml").write_text(text)
    opened = open_package(package)
    assert (opened.config.file_format, opened.weights.name) == ("keras", "model.keras")
    assert opened.load().predict(artifacts.arrays("numeric")).shape == (4, 2)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/nobody/1", "model 'models:/nobody/1' cannot be read from the MLflow registry"),
        ("models:/nobody@champion", "cannot be read from the MLflow registry"),
        ("models:/nobody/latest", "is no version of a model; write models:/name/1, or models:/name@alias"),
    ],
)
def test_faults(uri, message, client):
    with pytest.raises(ModelError, match=message) as raised:
        load_model(uri)
    assert "\n" not in str(raised.value)


def test_another_flavour(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {sklearn: {}}\n")
    with pytest.raises(ModelError, match="its flavours are sklearn; a model that is differentiated has one of pytorch"):
        model_inside(tmp_path)


def test_a_file_that_leads_out_of_the_folder(tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {transformers: {model_binary: ../../etc}}\n")
    with pytest.raises(ModelError, match="leads out of the model's folder"):
        model_inside(tmp_path)


def test_uris():
    assert is_registered("models:/a/1")
    assert is_registered("runs:/0/model")
    assert not is_registered("s3://models/a")
    assert not is_registered("models/a")
