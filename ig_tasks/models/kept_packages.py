"""Packages of models kept in the store, so that a model that was replaced in place can still be called.

A kept package is found by its digest. Its code runs only where somebody trusts it: by its digest, or since a package
that is trusted holds the same code, as after training again. That it lies in the store says nothing of its source.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ig_tasks.errors import ModelError, TrustError
from ig_tasks.models.config import FILE
from ig_tasks.models.opening import open_package
from ig_tasks.models.package import ModelPackage
from ig_tasks.spec.uris import without_secrets
from ig_tasks.store import Folder

__all__ = ["keep_package", "open_kept"]

_FOLDER = "packages"
_WHOLE = "whole.json"
"""Written last, beside the package: all files are there."""
_DATA = (".json", ".txt", ".md", ".csv", ".parquet")
_WEIGHTS = (".safetensors", ".h5", ".hdf5", ".keras", ".bin", ".model")
"""Weights and vocabularies: what training again replaces. Whatever else lies where `weights` points may be imported."""


def keep_package(folder: Folder, package: ModelPackage, *, most: int) -> bool:
    """Copy a package to `packages/` below a name's folder, unless it is there; whether it is there now.

    Args:
        most: bytes that a package may have; a larger one, one whose weights lie elsewhere, and one whose model.yaml
            holds a password or a token, which a store must never hold, is not kept.

    Raises:
        RunError: if the store cannot be written.
        ModelError: if a file is no longer the one that was digested.
    """
    place, note = _package_path(package.digest), _note(package.digest)
    if folder.exists(note):
        return True
    if FILE not in package.files or package.config.remote:
        return False
    try:
        if sum((package.root / name).stat().st_size for name in package.files) > most:
            return False
        config_text = (package.root / FILE).read_text(encoding="utf-8")
        if without_secrets(config_text) != config_text:
            return False
        for name in package.files:
            folder.write_bytes(f"{place}/{name}", (package.root / name).read_bytes())
    except OSError as error:
        raise ModelError(f"model package '{package.uri}' cannot be read ({error.strerror}); run again") from error
    package.require_same()
    folder.write_json(note, {"digest": package.digest, "uri": package.uri})
    return True


def open_kept(folder: Folder, digest: str, *, trusted: Iterable[str], like: Iterable[ModelPackage]) -> ModelPackage:
    """The kept package with a digest.

    Args:
        trusted: digests whose code may run.
        like: packages whose code may run: one of the same code may, too.

    Raises:
        ModelError: if it is not there, or is not what was kept.
        TrustError: if its code would run and is not trusted.
    """
    if not folder.exists(_note(digest)):
        raise ModelError(f"the model package {digest[:19]} was not kept in {folder.uri}")
    # No code runs when a package is read; that its digest fits makes it the one that was kept.
    try:
        package = open_package(folder.uri_of(_package_path(digest)), trust=digest)
    except TrustError:
        raise ModelError(f"the model package {digest[:19]} kept in {folder.uri} is damaged") from None
    if digest in set(trusted) or not _runs(package):
        return package
    if package.runs == "nothing" and any(_code(package) == _code(other) for other in like):
        return package
    raise TrustError(
        f"the model package {digest[:19]} kept in {folder.uri} runs code that differs from that of the current "
        f"package; read it, and give `trust: {digest}`"
    )


def _runs(package: ModelPackage) -> bool:
    return package.config.runs_code or package.runs != "nothing"


def _code(package: ModelPackage) -> dict[str, str | None]:
    """What runs when a package is loaded: its files but weights and data, the functions called, and texts given them.

    A text may name what the function imports or reads; numbers, such as the size of a vocabulary, may differ.
    """
    weights = package.weights.relative_to(package.root).as_posix() if not package.config.remote else ""
    files: dict[str, str | None] = {
        name: digest
        for name, digest in package.files.items()
        if name != FILE and PurePosixPath(name).suffix not in _DATA
        if not ((name == weights or name.startswith(weights + "/")) and PurePosixPath(name).suffix in _WEIGHTS)
    }
    called = {"factory:": package.config.factory, "preprocess:": package.config.preprocess}
    return files | called | {"arguments:": json.dumps(_without_numbers(package.config.arguments), sort_keys=True)}


def _without_numbers(argument: Any) -> Any:
    """Arguments with 0 for every number in them, lists of numbers of any length alike."""
    if isinstance(argument, Mapping):
        return {str(name): _without_numbers(value) for name, value in argument.items()}
    if isinstance(argument, list | tuple):
        blanked = [_without_numbers(value) for value in argument]
        return [value for place, value in enumerate(blanked) if value != 0 or 0 not in blanked[:place]]
    return (
        0
        if isinstance(argument, int | float) and not isinstance(argument, bool)
        else argument
        if argument is None
        else str(argument)
    )


def _package_path(digest: str) -> str:
    return f"{_FOLDER}/{digest.removeprefix('sha256:')}"


def _note(digest: str) -> str:
    return f"{_package_path(digest)}-{_WHOLE}"
