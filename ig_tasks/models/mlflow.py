"""Models of an MLflow registry: the files of a version, and which of them are the model."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from ig_tasks.errors import ModelError

__all__ = ["FILE", "download", "is_registered", "model_inside", "package_inside", "version_of"]

FILE = "MLmodel"

_CONFIG = "model.yaml"


def is_registered(uri: str) -> bool:
    """Whether `uri` names a model of a registry ("models:/name/version", "models:/name@alias") or of a run."""
    return uri.startswith(("models:/", "runs:/"))


def version_of(uri: str) -> str:
    """What the files of `uri` depend on: registry, version and where it was logged. An alias becomes its version.

    Raises ModelError where the registry cannot be asked, or has no such model.
    """
    client, registry = _client(uri)
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if uri.startswith("runs:/"):
        return f"{registry} {uri}"
    with _told(uri):
        if at:
            version = client.get_model_version_by_alias(name, alias)
        else:
            name, _, number = name.partition("/")
            if not number.isdigit():
                raise ModelError(f"'{uri}' is no version of a model; write models:/name/1, or models:/name@alias")
            version = client.get_model_version(name, number)
    return f"{registry} models:/{version.name}/{version.version} {version.source} {version.creation_timestamp}"


def download(uri: str, folder: Path) -> None:
    """Copy the files of `uri` into `folder`, which is empty. Raises ModelError."""
    _client(uri)
    import mlflow

    before = os.environ.get("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        with _told(uri):
            mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder))
    finally:
        if before is None:
            del os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"]
        else:
            os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = before
    # MLflow writes it while it copies: it says by which name the files were asked for, and is no part of them.
    (folder / "registered_model_meta").unlink(missing_ok=True)


def package_inside(folder: Path) -> Path | None:
    """The folder with model.yaml, where a package was logged: the folder itself, or one or two below it."""
    found = [folder / _CONFIG, *sorted(folder.glob(f"*/{_CONFIG}")), *sorted(folder.glob(f"*/*/{_CONFIG}"))]
    return next((path.parent for path in found if path.is_file()), None)


def model_inside(folder: Path) -> tuple[Path, str]:
    """The model among the files of an MLflow model, and its format (see `formats`), "" where the file says it.

    Raises ModelError for a flavour that is none of PyTorch, Keras, TensorFlow and Transformers.
    """
    try:
        flavours: dict[str, Any] = yaml.safe_load((folder / FILE).read_text(encoding="utf-8"))["flavors"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ModelError(f"'{folder / FILE}' cannot be read: {' '.join(str(error).split())}") from error
    for pickled in folder.rglob("*.cloudpickle"):
        raise ModelError(
            f"'{folder}': its custom objects are a pickle ('{pickled.name}'); log the model without custom_objects,"
            " or bring a model package with a factory"
        )
    if "transformers" in flavours:
        return _below(folder, flavours["transformers"].get("model_binary", "model")), "transformers"
    if "pytorch" in flavours:
        data = _below(folder, flavours["pytorch"].get("model_data", "data"))
        exported = data / "model.pt2"
        return (exported, "export") if exported.is_file() else (data / "model.pth", "")
    if "keras" in flavours:
        data = _below(folder, flavours["keras"].get("data", "model"))
        data = data / "model" if data.is_dir() and not (data / "saved_model.pb").is_file() else data
        return (data, "saved_model") if data.is_dir() else (data.with_name(f"{data.name}.keras"), "keras")
    if "tensorflow" in flavours:
        flavour = flavours["tensorflow"]
        if "saved_model_dir" in flavour:
            return _below(folder, flavour["saved_model_dir"]), "saved_model"
        data = _below(folder, flavour.get("data", "data"))
        kept = [data / f"model{suffix}" for suffix in (".keras", ".h5") if (data / f"model{suffix}").is_file()]
        return (kept[0], "") if kept else (data / "model", "saved_model")
    raise ModelError(
        f"'{folder}': its flavours are {', '.join(flavours)}; a model that is differentiated has one of pytorch, keras,"
        " tensorflow, transformers"
    )


def _below(folder: Path, name: object) -> Path:
    path = (folder / str(name)).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ModelError(f"'{folder / FILE}': '{name}' leads out of the model's folder")
    return path


def _client(uri: str) -> tuple[Any, str]:
    if find_spec("mlflow") is None:
        raise ModelError(f"model '{uri}' needs mlflow, which is not installed; pip install 'ig-tasks[mlflow]'")
    import mlflow

    registry = mlflow.get_registry_uri()
    return mlflow.MlflowClient(), hashlib.sha256(registry.encode()).hexdigest()[:12]


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """MLflow's errors as one line; the registry's address is not in it, since it may hold a password."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(
            f"model '{uri}' cannot be read from the MLflow registry (MLFLOW_TRACKING_URI): {text}"
        ) from error
