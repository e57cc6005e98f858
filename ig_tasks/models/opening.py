"""A package or a bare artifact, opened: its files here, its model.yaml read, its code trusted or refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ig_tasks.errors import ModelError
from ig_tasks.models import mlflow
from ig_tasks.models.cache import is_local, local_copy, local_path
from ig_tasks.models.config import FILE, Card, ModelConfig, TargetConfig, read_config
from ig_tasks.models.contents import PackageContents
from ig_tasks.models.digest import Stamp, digest_of, stamps_of
from ig_tasks.models.package import ModelPackage
from ig_tasks.models.package_formats import FORMATS, detect, pickled_weights
from ig_tasks.models.trust import check_trust
from ig_tasks.spec.messages import first_error

if TYPE_CHECKING:
    from ig_tasks.models.loaded import LoadedModel
    from ig_tasks.spec import ExplanationSpec

__all__ = ["load_model", "open_package", "open_served"]

_SPECS = (".yaml", ".yml")


def open_package(uri: str | Path, *, trust: str | None = None, trusted_root: str | Path | None = None) -> ModelPackage:
    """Read a package without importing a framework or running code.

    A package whose loading runs code is accepted when it lies under `trusted_root` (the project whose specs
    it is used by), or when `trust` is its digest; one that holds a pickle, or weights from elsewhere that are a
    program, by `trust` alone. A `trust` that is given must fit in any case.

    Raises:
        ModelError: if there is no such package, or its model.yaml is not valid.
        TrustError: if its code would run and is not trusted.
    """
    path, files, stamps = _stamped_copy(str(uri))
    home = _package_folder(str(uri), path)
    if home is None:
        reason = f"it holds no {FILE}" if path.is_dir() else f"it is a file; a spec needs a folder with {FILE}"
        raise ModelError(f"no model package at '{path}': {reason}")
    package = _package(str(uri), home, _files_below(path, files, home), stamps)
    check_trust(package, trust, trusted_root)
    return package


def load_model(
    uri: str | Path | ExplanationSpec,
    *,
    trust: str | None = None,
    trusted_root: str | Path | None = None,
    device: str | None = None,
) -> LoadedModel:
    """Load a model, differentiable; for notebooks.

    Args:
        uri: a model package, a spec (its path, or the ExplanationSpec) whose model is meant, or a bare artifact: a
            `.keras`, `.h5`, `.pt2`, TorchScript or pickled file, a SavedModel or Hugging Face folder, an MLflow model
            (`models:/name/1`, `models:/name@alias`); paths, or any URI that fsspec reads.
        trust: the digest of a package or artifact that runs code; errors say which.
        trusted_root: code under it may run without; it is the working folder unless given, as for Python's own imports,
            or the spec's project. A pickle always needs `trust`.

    Raises:
        ModelError: if the package or its model cannot be used.
        TrustError: if its code would run and is not trusted.
        LayerError: if an input names a layer that does not exist.
        SpecError: for a spec that does not load.
    """
    spec = _spec(uri)
    if spec is not None:
        root = spec.origin.trusted_root if spec.origin else None
        return load_model(
            spec.model.uri, trust=trust or spec.model.trust, trusted_root=trusted_root or root, device=device
        )
    path, files, stamps = _stamped_copy(str(uri))
    home = _package_folder(str(uri), path)
    if home is not None:
        package = _package(str(uri), home, _files_below(path, files, home), stamps)
    else:
        package = _artifact(str(uri), path, files, stamps)
    check_trust(package, trust, trusted_root or Path.cwd())
    return package.load(device)


def open_served(
    uri: str | Path, like: PackageContents, *, trust: str | None = None, trusted_root: str | Path | None = None
) -> ModelPackage:
    """A package, or a bare artifact that takes the inputs and has the targets of the package `like`.

    Raises:
        ModelError, TrustError: as `open_package` does.
    """
    path, files, stamps = _stamped_copy(str(uri))
    if _package_folder(str(uri), path) is not None:
        return open_package(uri, trust=trust, trusted_root=trusted_root)
    artifact = _artifact(str(uri), path, files, stamps)
    config = artifact.config.model_copy(update={"inputs": like.config.inputs, "targets": like.config.targets})
    package = replace(artifact, config=config, bare=False)
    check_trust(package, trust, trusted_root)
    return package


def _spec(source: object) -> ExplanationSpec | None:
    from ig_tasks.spec import ExplanationSpec, load_spec

    if isinstance(source, ExplanationSpec):
        return source
    path = Path(str(source))
    return load_spec(path) if path.suffix.lower() in _SPECS and path.name != FILE and path.is_file() else None


def _package_folder(uri: str, path: Path) -> Path | None:
    """The folder with model.yaml, None for a bare artifact."""
    if not path.is_dir():
        return None
    if (path / FILE).is_file():
        return path
    return mlflow.package_inside(path) if mlflow.is_registered(uri) or (path / mlflow.FILE).is_file() else None


def _files_below(base: Path, files: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The files of a folder, or the one file, by their names below it."""
    if folder == base:
        return dict(files)
    absolute = {base / name: digest for name, digest in files.items()}
    if folder in absolute:
        return {folder.name: absolute[folder]}
    return {
        path.relative_to(folder).as_posix(): digest for path, digest in absolute.items() if path.is_relative_to(folder)
    }


def _stamped_copy(uri: str) -> tuple[Path, dict[str, str], dict[Path, Stamp]]:
    """What `local_copy` returns, and the stamps that the files had before they were digested."""
    before = stamps_of(local_path(uri)) if is_local(uri) else {}
    path, files = local_copy(uri)
    return path, files, before or stamps_of(path)


def _package(uri: str, root: Path, files: dict[str, str], stamps: dict[Path, Stamp]) -> ModelPackage:
    config = read_config(root)
    base, parts = root, files
    if config.remote:
        base, parts, more = _stamped_copy(config.weights)
        stamps = stamps | more
    weights, format_name = _model_at(base if config.remote else root / config.weights)
    if not config.file_format or weights != root / config.weights:
        config = _with_format(root, config, config.format or format_name)
    all_files = {
        **files,
        **({f"{config.weights}/{name}": digest for name, digest in parts.items()} if config.remote else {}),
    }
    package = ModelPackage(
        uri=uri,
        root=root,
        digest=digest_of(all_files),
        config=config,
        files=files,
        weights=weights,
        weight_files=_files_below(base, parts, weights),
        runs=_runs(config, weights),
        stamps=stamps,
    )
    package.require_same()  # model.yaml and vocabularies were read after they were digested
    return package


def _artifact(uri: str, path: Path, files: dict[str, str], stamps: dict[Path, Stamp]) -> ModelPackage:
    """A package of an artifact alone; the artifact itself describes its inputs when it is loaded."""
    weights, name = _model_at(path)
    if not name:
        holds = f"it holds no {FILE}, and is" if path.is_dir() else "it is"
        raise ModelError(
            f"no model package at '{path}': {holds} no artifact that holds a model (.keras, .h5, .pt2, TorchScript, a"
            " pickled module, a SavedModel or Hugging Face folder, an MLflow model)"
        )
    if FORMATS[name].factory:
        raise ModelError(
            f"'{path}' holds numbers only; put it into a folder with a {FILE} whose `factory` names the code that"
            " builds the model"
        )
    config = ModelConfig.model_construct(
        framework=FORMATS[name].framework,
        format=name,
        weights=path.name,
        inputs={},
        targets={"output": TargetConfig()},
        card=Card(name=path.stem),
    )
    return ModelPackage(
        uri=uri,
        root=weights if weights.is_dir() else weights.parent,
        digest=digest_of(files),
        config=config,
        files=files,
        weights=weights,
        weight_files=_files_below(path if path.is_dir() else path.parent, files, weights),
        runs=_runs(config, weights),
        stamps=stamps,
        bare=True,
    )


def _model_at(path: Path) -> tuple[Path, str]:
    """The model itself, which an MLflow model holds among other files, and its format, "" if it has no known format."""
    if path.is_dir() and (path / mlflow.FILE).is_file():
        path, name = mlflow.model_inside(path)
        if not path.exists():
            raise ModelError(f"'{path}' is not there, though {mlflow.FILE} names it")
        return path, name or detect(path)
    return path, detect(path)


def _with_format(root: Path, config: ModelConfig, format_name: str) -> ModelConfig:
    where = f"'{root / FILE}'"
    if not format_name or FORMATS[format_name].framework != config.framework:
        contents = (
            f"a {FORMATS[format_name].framework} model" if format_name else "no model that is known by its content"
        )
        raise ModelError(f"{where}: weights: '{config.weights}' is {contents}, and framework is {config.framework}")
    try:
        return config.of_format(format_name)
    except ValidationError as error:
        fault = first_error(error, ModelConfig)
        raise ModelError(f"{where}: weights: '{config.weights}' is of format {format_name}: {fault}") from error


def _runs(config: ModelConfig, weights: Path) -> str:
    if config.file_format == "transformers" and pickled_weights(weights):
        return FORMATS["state_dict"].runs
    return FORMATS[config.file_format].runs
