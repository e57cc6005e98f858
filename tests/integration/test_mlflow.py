"""Models of a local MLflow registry: by version and by alias, what they were logged as, and packages among them."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import artifacts

import ig_tasks
from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models import load_model, open_package
from ig_tasks.models.mlflow import is_registered, model_inside

mlflow = pytest.importorskip("mlflow")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite store, made once: its tables take seconds. What runs log goes where it was made."""
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder}/mlflow.db"
    with warnings.catch_warnings(), contextlib.chdir(folder):
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


NET = """
import torch


class Net(torch.nn.Module):
    factor = {factor}

    def __init__(self):
        super().__init__()
        self.out = torch.nn.Linear(3, 1)

    def forward(self, input):
        from mlflow_net_parts.gate import gate

        return gate(self.out(input)) * self.factor
"""
GATE = "import torch\n\n\ndef gate(x):\n    return torch.tanh(x)\n"
ROWS = np.array([[1.0, -0.5, 2.0], [0.25, 1.5, -1.0]], dtype=np.float32)


def own_code(folder: Path, factor: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    """A module whose code lies in `folder`, as a user has it who trains there; and what goes into code_paths."""
    import torch

    (folder / "mlflow_net_parts").mkdir(parents=True)
    (folder / "mlflow_net.py").write_text(NET.format(factor=factor))
    (folder / "mlflow_net_parts" / "__init__.py").write_text("")
    (folder / "mlflow_net_parts" / "gate.py").write_text(GATE)
    monkeypatch.syspath_prepend(str(folder))
    torch.manual_seed(2)
    module = importlib.import_module("mlflow_net").Net()
    return module, [str(folder / "mlflow_net.py"), str(folder / "mlflow_net_parts")]


def forget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code is not at hand any more, as on another machine."""
    for name in [name for name in sys.modules if name.startswith("mlflow_net")]:
        del sys.modules[name]
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])


def loaded_with_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any, Path]:
    """A run, its model loaded by digest, and the file of its own code in the cache."""
    module, code = own_code(folder, 1.0, monkeypatch)
    run = run_with(module, code, serialization_format="pickle")
    forget(folder, monkeypatch)
    model = trusted(f"runs:/{run}/model")
    return run, model, next(model.package.weights.parent.parent.glob("code/mlflow_net.py"))


def run_with(module: Any, code: list[str] | None = None, **options: Any) -> str:
    """A run that logged the module as "model"; its id."""
    import mlflow.pytorch

    with warnings.catch_warnings(), mlflow.start_run() as run:
        warnings.simplefilter("ignore")
        mlflow.pytorch.log_model(module, name="model", code_paths=code, pip_requirements=[], **options)
    return str(run.info.run_id)


def explained(model: Any, expected: np.ndarray) -> None:
    found = ig_tasks.explain(model, {"input": ROWS}, tolerance=1e-4)
    assert list(found.status) == ["converged"] * len(ROWS)
    np.testing.assert_allclose(found.output, expected, rtol=1e-5)
    difference = found.output - found.baseline_output
    np.testing.assert_allclose(found.attributions["input"].sum(axis=1), difference, rtol=0, atol=1e-4)
    assert np.abs(difference).max() > 0.05


class TestRuns:
    """`runs:/<run id>/<path>`, and what `log_model` returns."""

    def test_a_model_of_a_run_with_the_code_that_was_logged(self, client, tmp_path, monkeypatch):
        import torch

        module, code = own_code(tmp_path / "training", 1.0, monkeypatch)
        expected = module(torch.as_tensor(ROWS))[:, 0].detach().numpy()
        run = run_with(module, code, serialization_format="pickle")
        forget(tmp_path / "training", monkeypatch)
        model = trusted(f"runs:/{run}/model")
        # What it imports while it runs is found as well, and nobody else is shown any of it.
        assert not [name for name in sys.modules if name.startswith("mlflow_net")]
        explained(model, expected)
        logged = client.get_run(run).outputs.model_outputs[0].model_id
        assert load_model(f"models:/{logged}", trust=model.package.digest).package.digest == model.package.digest

    def test_two_versions_of_the_code_do_not_meet(self, client, tmp_path, monkeypatch):
        """Both hold a mlflow_net.py, and each model runs with its own; the user's own module stays the user's."""
        import torch

        loaded, outputs = [], []
        for number, factor in enumerate((1.0, 10.0)):
            folder = tmp_path / f"training{number}"
            module, code = own_code(folder, factor, monkeypatch)
            outputs.append(module(torch.as_tensor(ROWS))[:, 0].detach().numpy())
            run = run_with(module, code, serialization_format="pickle")
            forget(folder, monkeypatch)
            loaded.append(trusted(f"runs:/{run}/model"))
        np.testing.assert_allclose(outputs[1], 10 * outputs[0], rtol=1e-6)
        for model, expected in zip(loaded, outputs, strict=True):
            explained(model, expected)
        own_code(tmp_path / "mine", 100.0, monkeypatch)
        mine = importlib.import_module("mlflow_net")
        assert mine.Net.factor == 100.0
        explained(trusted(f"runs:/{run}/model"), outputs[1])
        assert sys.modules["mlflow_net"] is mine

    def test_bytecode_that_came_with_the_code_does_not_run(self, client, tmp_path, monkeypatch):
        """It is no part of the digest, so that somebody could put other code there after the model was trusted."""
        import py_compile

        run, model, source = loaded_with_code(tmp_path / "training", monkeypatch)
        other = tmp_path / "other.py"
        other.write_text(f"open({str(tmp_path / 'it_ran')!r}, 'w').close()\n" + NET.format(factor=7.0))
        cached = importlib.util.cache_from_source(str(source))
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(other), cfile=cached, invalidation_mode=unchecked)
        again = load_model(f"runs:/{run}/model", trust=model.package.digest)
        assert again.model.factor == 1.0
        assert not (tmp_path / "it_ran").exists()

    def test_code_that_changed_in_the_cache_is_fetched_anew(self, client, tmp_path, monkeypatch):
        run, model, source = loaded_with_code(tmp_path / "training", monkeypatch)
        source.write_text(NET.format(factor=7.0))
        assert load_model(f"runs:/{run}/model", trust=model.package.digest).model.factor == 1.0

    def test_code_that_changed_in_the_folder_is_refused(self, tmp_path, monkeypatch):
        import mlflow.pytorch

        module, code = own_code(tmp_path / "training", 1.0, monkeypatch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.pytorch.save_model(
                module, tmp_path / "saved", code_paths=code, serialization_format="pickle", pip_requirements=[]
            )
        forget(tmp_path / "training", monkeypatch)
        with pytest.raises(TrustError) as refused:
            load_model(tmp_path / "saved")
        trust = str(refused.value).split('trust="')[1].split('"')[0]
        assert load_model(tmp_path / "saved", trust=trust).model.factor == 1.0
        (tmp_path / "saved" / "code" / "mlflow_net.py").write_text(NET.format(factor=7.0))
        with pytest.raises(TrustError, match="it has changed, or is another one"):
            load_model(tmp_path / "saved", trust=trust)

    def test_an_exported_program_of_a_run(self, client):
        import torch

        torch.manual_seed(4)
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
        model = trusted(f"runs:/{run_with(module, serialization_format='pt2', input_example=ROWS)}/model")
        explained(model, module(torch.as_tensor(ROWS))[:, 0].detach().numpy())

    def test_a_file_and_a_package_that_a_run_logged(self, client, tmp_path):
        folder = artifacts.write_package("both", "keras", tmp_path / "package")
        with mlflow.start_run() as run:
            mlflow.log_artifact(str(folder / "model.keras"), "deep/files")
            mlflow.log_artifacts(str(folder), "deep/package")
        base = f"runs:/{run.info.run_id}/deep"
        file = load_model(f"{base}/files/model.keras")
        assert file.predict(artifacts.arrays("both", channels="last")).shape == (4, 2)
        assert open_package(f"{base}/package").digest == open_package(folder).digest

    def test_weights_of_a_package_from_a_run_with_its_code(self, client, tmp_path, monkeypatch):
        """What a spec needs: columns and targets in model.yaml, the module where it was logged."""
        import pandas as pd
        import torch

        module, code = own_code(tmp_path / "training", 1.0, monkeypatch)
        expected = module(torch.as_tensor(ROWS))[:, 0].detach().numpy()
        run = run_with(module, code, serialization_format="pickle")
        forget(tmp_path / "training", monkeypatch)
        document = {
            "framework": "torch",
            "weights": f"runs:/{run}/model",
            "inputs": {"input": {"columns": ["a", "b", "c"]}},
            "targets": {"late": {"space": "logit"}},
        }
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "model.yaml").write_text(yaml.safe_dump(document))
        with pytest.raises(TrustError, match="holds a pickle") as refused:
            open_package(tmp_path / "package", trusted_root=tmp_path)
        trust = str(refused.value).split("trust: ")[1].split("`")[0]
        model = open_package(tmp_path / "package", trust=trust).load()
        found = ig_tasks.explain(model, pd.DataFrame(ROWS, columns=["a", "b", "c"]), tolerance=1e-4)
        np.testing.assert_allclose(found.output, expected, rtol=1e-5)
        assert found.features == ("a", "b", "c")
        assert (found.status == "converged").all()

    def test_a_run_that_goes_on_is_read_anew(self, client, tmp_path):
        """As long as it is open it may write the same name again, of the same size."""
        path = tmp_path / "note.txt"
        folder = artifacts.write_package("numeric", "keras", tmp_path / "package")
        digests = []
        with mlflow.start_run() as run:
            for text in ("one", "two"):
                path.write_text(text)
                (folder / "note.txt").write_text(text)
                mlflow.log_artifacts(str(folder), "package")
                digests.append(open_package(f"runs:/{run.info.run_id}/package").digest)
        assert digests[0] != digests[1] == open_package(folder).digest

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            (
                "/nothing",
                "cannot be read from the MLflow registry .*: Failed to download artifacts from path 'nothing'",
            ),
            ("", "names no model of the run; write runs:/[0-9a-f]{32}/<path of the model>"),
        ],
    )
    def test_a_path_that_a_run_does_not_have(self, path, message, client):
        with mlflow.start_run() as run:
            pass
        with pytest.raises(ModelError, match=message) as raised:
            load_model(f"runs:/{run.info.run_id}{path}")
        assert "\n" not in str(raised.value)

    def test_no_such_run(self, client):
        with pytest.raises(ModelError, match=r"model 'runs:/nobody/model' cannot be read .*: Run with id=nobody not"):
            load_model("runs:/nobody/model")


class TestTransformers:
    """The flavour `transformers`: the model in model/, its tokenizer in components/tokenizer/."""

    IDS = np.array([[4, 5, 6, 7], [7, 5, 0, 0]])
    MASK = (IDS > 0) * 1

    @pytest.fixture
    def classifier(self):
        import torch

        transformers = pytest.importorskip("transformers")
        torch.manual_seed(5)
        model = transformers.BertForSequenceClassification(
            transformers.BertConfig(
                hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=9,
                max_position_embeddings=16,
            )
        ).eval()  # fmt: skip
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        return model

    def words(self) -> Any:
        tokenizers = pytest.importorskip("tokenizers")
        transformers = pytest.importorskip("transformers")
        vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "a", "b", "good", "film", "bad", "plot"])}
        plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
        plain.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        return transformers.PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]")

    def logits(self, model: Any) -> np.ndarray:
        import torch

        with torch.no_grad():
            return np.asarray(model(torch.as_tensor(self.IDS), attention_mask=torch.as_tensor(self.MASK)).logits)

    def test_what_mlflow_logs_is_explained_as_text(self, classifier, client):
        import pandas as pd

        flavour = pytest.importorskip("mlflow.transformers")
        with warnings.catch_warnings(), mlflow.start_run() as run:
            warnings.simplefilter("ignore")
            flavour.log_model(
                {"model": classifier, "tokenizer": self.words()},
                name="model",
                task="text-classification",
                pip_requirements=[],
            )
        model = load_model(f"runs:/{run.info.run_id}/model")
        assert model.layers == {"input_ids": "bert.embeddings.word_embeddings"}
        found = ig_tasks.explain(model, pd.DataFrame({"text": ["good film bad plot", "plot film"]}), target=1)
        self.complete(found, self.logits(classifier)[:, 1])

    def test_the_documented_layout(self, classifier, tmp_path):
        """As any version of MLflow leaves it: MLmodel, model/, components/tokenizer/."""
        classifier.save_pretrained(tmp_path / "model")
        (tmp_path / "components" / "tokenizer").mkdir(parents=True)
        self.words().save_pretrained(tmp_path / "components" / "tokenizer")
        flavour = {
            "model_binary": "model", "task": "text-classification", "instance_type": "TextClassificationPipeline",
            "components": ["tokenizer"], "tokenizer_type": "BertTokenizerFast", "framework": "pt",
        }  # fmt: skip
        document = {"flavors": {"transformers": flavour, "python_function": {}}}
        (tmp_path / "MLmodel").write_text(yaml.safe_dump(document))
        model = load_model(tmp_path)
        given = {"input_ids": self.IDS}
        found = ig_tasks.explain(model, given, fixed={"attention_mask": self.MASK}, target=1)
        self.complete(found, self.logits(classifier)[:, 1])
        assert model.package.config.inputs["input_ids"].kind == "tokens"

    @pytest.mark.parametrize(
        ("flavour", "message"),
        [
            (
                {"source_model_name": "hub/name", "source_model_revision": "0123"},
                r"was logged without its weights \(save_pretrained=False\); log it with them, or call",
            ),
            ({"peft_adaptor": "peft"}, r"is an adapter of another model; merge it \(merge_and_unload\)"),
        ],
    )
    def test_what_has_no_weights(self, flavour, message, tmp_path):
        (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": {"transformers": flavour}}))
        with pytest.raises(ModelError, match=message) as raised:
            load_model(tmp_path)
        assert "\n" not in str(raised.value)

    @staticmethod
    def complete(found: Any, output: np.ndarray) -> None:
        assert list(found.status) == ["converged"] * len(output)
        np.testing.assert_allclose(found.output, output, rtol=1e-5, atol=1e-6)
        parts = found.attributions["input_ids"]
        difference = found.output - found.baseline_output
        assert (np.abs(parts.sum(axis=1) - difference) <= 0.01 * np.abs(parts).sum(axis=1)).all()
        assert np.abs(difference).max() > 0.05


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("models:/nobody/1", "model 'models:/nobody/1' cannot be read from the MLflow registry"),
        ("models:/nobody@champion", "cannot be read from the MLflow registry"),
        ("models:/nobody/latest", "is not a version of a model; write models:/name/1, or models:/name@alias"),
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


def report_in(place: Path) -> tuple[Any, str]:
    from support.judged_report import judged_report, write_report

    report = judged_report(drift="warning")
    return report, write_report(place, report)


def test_a_report_is_a_run_with_metrics_by_feature_and_its_page(client: Any, tmp_path: Path) -> None:
    from ig_tasks.reports.exporters import export_text

    report, uri = report_in(tmp_path)
    (line,) = export_text(report, uri, "mlflow")
    run = client.get_run(line.strip().removeprefix("runs:/"))
    assert client.get_experiment(run.info.experiment_id).name == "ig_tasks/loans"
    assert run.info.status == "FINISHED"
    for row in report.importance:
        name = row.feature.replace("/", "_")
        assert run.data.metrics[f"abs_mean/{name}"] == row.abs_mean
        assert run.data.metrics[f"mean/{name}"] == row.mean
        assert run.data.metrics[f"rank/{name}"] == row.rank
    assert run.data.metrics["completeness/converged_fraction"] == report.completeness.converged_fraction
    assert (run.data.metrics["rows/explained"], run.data.metrics["drift/alarms"]) == (report.data.rows_explained, 1)
    assert (run.data.params["partition"], run.data.params["baseline"]) == ("2013-10", "auto")
    assert run.data.tags["ig_tasks.model_digest"] == report.model.digest
    assert (run.data.tags["ig_tasks.check.drift"], run.data.tags["ig_tasks.check.parity"]) == ("failed", "passed")
    assert sorted(file.path for file in client.list_artifacts(run.info.run_id)) == ["report.html", "report.json"]
    page = client.download_artifacts(run.info.run_id, "report.html", str(tmp_path))
    assert Path(page).read_text() == Path(uri.replace(".json", ".html")).read_text()
    # The same revision is logged once.
    assert list(export_text(report, uri, "mlflow")) == [line]


def test_names_that_mlflow_does_not_take_stay_apart(client: Any, tmp_path: Path) -> None:
    from support.judged_report import judged_report, write_report

    from ig_tasks.reports.exporters import export_text

    report = judged_report(run_id="odd")
    first, second, *others = report.importance
    odd = (first.model_copy(update={"feature": "a/b?"}), second.model_copy(update={"feature": "a?b/"}))
    report = report.model_copy(update={"importance": (*odd, *others)})
    (line,) = export_text(report, write_report(tmp_path, report), "mlflow")
    metrics = client.get_run(line.strip().removeprefix("runs:/")).data.metrics
    found = {metrics[name] for name in metrics if name.startswith("abs_mean/a_b_-")}
    assert found == {first.abs_mean, second.abs_mean}


def test_a_server_that_refuses_is_one_line_without_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ig_tasks.errors import RunError
    from ig_tasks.reports.exporters import export_text

    report, uri = report_in(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri("http://me:hunter2Qx9@127.0.0.1:9")
    try:
        with pytest.raises(RunError, match=r"^mlflow: the report was not logged \(") as refused:
            list(export_text(report, uri, "mlflow"))
    finally:
        mlflow.set_tracking_uri(before)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_mlflow_the_export_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from ig_tasks.errors import InputError
    from ig_tasks.reports.exporters import export_text, mlflow_run

    monkeypatch.setattr(mlflow_run, "find_spec", lambda name: None)
    report, uri = report_in(tmp_path)
    with pytest.raises(InputError, match=r"^format: 'mlflow' needs mlflow.*pip install 'ig-tasks\[mlflow\]'$"):
        list(export_text(report, uri, "mlflow"))
