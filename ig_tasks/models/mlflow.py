"""Models of an MLflow registry: the files of a version, and which of them are the model."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ig_tasks.errors import ModelError

__all__ = ["FILE", "code_inside", "download", "is_registered", "model_inside", "package_inside", "version_of"]

FILE = "MLmodel"

_CONFIG = "model.yaml"

_LOGGED = re.compile(r"models:/(m-[0-9a-f]{32})")
"""What `log_model(...).model_uri` is."""


def is_registered(uri: str) -> bool:
    """Whether `uri` is one of MLflow's.

    It may name a registry's model ("models:/name/version", "models:/name@alias"), a run's artifact
    ("runs:/<run id>/path") or one logged model ("models:/m-<id>").
    """
    return uri.startswith(("models:/", "runs:/"))


def version_of(uri: str) -> str:
    """What the files of `uri` depend on: server, version and where it was logged. An alias becomes its version.

    Raises:
        ModelError: where the server cannot be asked, or has no such model.
    """
    client, server = _client(uri)
    with _one_line_errors(uri):
        if uri.startswith("runs:/"):
            return f"{server} {uri} {_run_state(client, uri)}"
        logged = _LOGGED.fullmatch(uri)
        if logged:
            model = client.get_logged_model(logged[1])
            return f"{server} {uri} {model.artifact_location} {model.last_updated_timestamp}"
        name, at, alias = uri.removeprefix("models:/").partition("@")
        if at:
            version = client.get_model_version_by_alias(name, alias)
        else:
            name, _, number = name.partition("/")
            if not number.isdigit():
                raise ModelError(f"'{uri}' is not a version of a model; write models:/name/1, or models:/name@alias")
            version = client.get_model_version(name, number)
    return f"{server} models:/{version.name}/{version.version} {version.source} {version.creation_timestamp}"


def _run_state(client: Any, uri: str) -> str:
    """When the run ended, the models it logged, and the names and sizes of its files below the path.

    A run that goes on may write the same names again: its state is never the same twice, so that nothing stale is
    taken from the cache.
    """
    import mlflow

    run_id, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
    if not path:
        raise ModelError(f"'{uri}' names no model of the run; write runs:/{run_id or '<run id>'}/<path of the model>")
    run = client.get_run(run_id)
    ended = run.info.end_time
    if ended is None:
        return f"running {time.time_ns()}"
    logged = [model.model_id for model in (run.outputs.model_outputs if run.outputs else [])]
    files: list[tuple[str, int | None]] = []
    left = [uri]
    while left:
        for item in mlflow.artifacts.list_artifacts(artifact_uri=left.pop()) or []:
            below = f"runs:/{run_id}/{item.path}"
            if item.is_dir and below != uri:
                left.append(below)
            elif not item.is_dir:
                files.append((item.path, item.file_size))
    return f"{ended} {logged} {sorted(files)}"


def download(uri: str, folder: Path) -> None:
    """Copy the files of `uri` into `folder`, which is empty. Raises ModelError."""
    _client(uri)
    import mlflow

    before = os.environ.get("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        with _one_line_errors(uri):
            downloaded = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder)))
    finally:
        if before is None:
            del os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"]
        else:
            os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = before
    _move_up(downloaded.resolve(), folder.resolve())
    # MLflow writes it while it copies: it says by which name the files were asked for, and is no part of them.
    (folder / "registered_model_meta").unlink(missing_ok=True)


def _move_up(downloaded: Path, folder: Path) -> None:
    """The files of a run lie below the path they were logged under; bring them up into `folder`."""
    if downloaded == folder or not downloaded.is_relative_to(folder):
        return
    # Under a name of its own first: what is brought up may be called as the folder it lay in.
    aside = folder / f".{uuid.uuid4().hex}"
    downloaded.rename(aside)
    for emptied in downloaded.relative_to(folder).parents:
        if emptied.parts:
            (folder / emptied).rmdir()
    if aside.is_file():
        aside.rename(folder / downloaded.name)
        return
    for path in list(aside.iterdir()):
        path.rename(folder / path.name)
    aside.rmdir()


def package_inside(folder: Path) -> Path | None:
    """The folder with model.yaml, where a package was logged: the folder itself, or one or two below it."""
    configs = [folder / _CONFIG, *sorted(folder.glob(f"*/{_CONFIG}")), *sorted(folder.glob(f"*/*/{_CONFIG}"))]
    return next((path.parent for path in configs if path.is_file()), None)


def code_inside(folder: Path) -> Path | None:
    """The folder of an MLflow model that holds what was logged as `code_paths`, if it has one.

    Raises:
        ModelError: where it leads out of the model's folder.
    """
    named = [flavour.get("code") for flavour in _flavours(folder).values() if isinstance(flavour, dict)]
    code = _path_inside(folder, next((name for name in named if name), "code"))
    return code if code.is_dir() else None


def model_inside(folder: Path) -> tuple[Path, str]:
    """The model among the files of an MLflow model, and its format (see `formats`), "" where the file says it.

    Raises:
        ModelError: for a flavour other than PyTorch, Keras, TensorFlow and Transformers.
    """
    flavours = _flavours(folder)
    for pickled in folder.rglob("*.cloudpickle"):
        raise ModelError(
            f"'{folder}': its custom objects are a pickle ('{pickled.name}'); log the model without custom_objects,"
            " or bring a model package with a factory"
        )
    if "transformers" in flavours:
        return _transformers(folder, flavours["transformers"]), "transformers"
    if "pytorch" in flavours:
        data = _path_inside(folder, flavours["pytorch"].get("model_data", "data"))
        exported = data / "model.pt2"
        return (exported, "export") if exported.is_file() else (data / "model.pth", "")
    if "keras" in flavours:
        data = _path_inside(folder, flavours["keras"].get("data", "model"))
        data = data / "model" if data.is_dir() and not (data / "saved_model.pb").is_file() else data
        return (data, "saved_model") if data.is_dir() else (data.with_name(f"{data.name}.keras"), "keras")
    if "tensorflow" in flavours:
        flavour = flavours["tensorflow"]
        if "saved_model_dir" in flavour:
            return _path_inside(folder, flavour["saved_model_dir"]), "saved_model"
        data = _path_inside(folder, flavour.get("data", "data"))
        files = [data / f"model{suffix}" for suffix in (".keras", ".h5") if (data / f"model{suffix}").is_file()]
        return (files[0], "") if files else (data / "model", "saved_model")
    raise ModelError(
        f"'{folder}': its flavours are {', '.join(flavours)}; a model that is differentiated has one of pytorch, keras,"
        " tensorflow, transformers"
    )


def _flavours(folder: Path) -> dict[str, Any]:
    try:
        flavours = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))["flavors"]
        return {str(name): flavour or {} for name, flavour in dict(flavours).items()}
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ModelError(f"'{folder / FILE}' cannot be read: {' '.join(str(error).split())}") from error


def _transformers(folder: Path, flavour: dict[str, Any]) -> Path:
    """The Hugging Face folder of the flavour. Raises ModelError where it was logged without its weights."""
    if "peft_adaptor" in flavour:
        raise ModelError(
            f"'{folder}' is an adapter of another model; merge it (merge_and_unload) and log the whole model"
        )
    model_folder = _path_inside(folder, flavour.get("model_binary", "model"))
    if not model_folder.exists():
        raise ModelError(
            f"'{folder}' was logged without its weights (save_pretrained=False); log it with them, or call"
            " mlflow.transformers.persist_pretrained_model first"
        )
    return model_folder


def _path_inside(folder: Path, name: object) -> Path:
    path = (folder / str(name)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelError(f"'{folder / FILE}': '{name}' leads out of the model's folder")
    return path


def _client(uri: str) -> tuple[Any, str]:
    if find_spec("mlflow") is None:
        raise ModelError(f"model '{uri}' needs mlflow, which is not installed; pip install 'ig-tasks[mlflow]'")
    import mlflow

    address = mlflow.get_tracking_uri() if uri.startswith("runs:/") else mlflow.get_registry_uri()
    return mlflow.MlflowClient(), hashlib.sha256(address.encode()).hexdigest()[:12]


@contextlib.contextmanager
def _one_line_errors(uri: str) -> Iterator[None]:
    """MLflow's errors as one line; the registry's address is not in it, since it may hold a password."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(
            f"model '{uri}' cannot be read from the MLflow registry (MLFLOW_TRACKING_URI): {text}"
        ) from error
