"""Files at a remote URI, copied once into a folder of this machine that is named by their digest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from ig_tasks.errors import ModelError
from ig_tasks.models import mlflow
from ig_tasks.models.digest import digest_of, file_digest, file_digests
from ig_tasks.spec.cache_folder import cache_folder

__all__ = ["is_local", "local_copy", "local_path"]


def is_local(uri: str) -> bool:
    """Whether `uri` is a path, or a file:// URI, of this machine."""
    return uri.startswith("file://") or not ("://" in uri or mlflow.is_registered(uri))


def local_path(uri: str) -> Path:
    """The path that a local `uri` names."""
    return Path(uri.removeprefix("file://")).expanduser().resolve()


def local_copy(uri: str) -> tuple[Path, dict[str, str]]:
    """A folder, or a single file, of this machine that holds what is at `uri`, and the files' digests.

    A local path is itself. Remote files (any fsspec URI, a version of an MLflow model) are copied; as long as their
    listing stays the same (names, sizes, tags or times; the version) and the copy is whole, nothing is transferred
    again. Digests are those of the files' names below the folder, or of the one file's own name.

    Raises:
        ModelError: when there is nothing there, or no driver for the URI.
    """
    if is_local(uri):
        path = local_path(uri)
        if path.is_file():
            return path, {path.name: file_digest(path)}
        if not path.is_dir():
            raise ModelError(f"no model package at '{uri}': there is no such folder")
        return path, file_digests(path)
    if mlflow.is_registered(uri):
        copy, digests = _cached_copy(uri, mlflow.version_of(uri), lambda folder: mlflow.download(uri, folder))
        # A run may hold a single file under the path, as a URI of fsspec may.
        single = len(digests) == 1 and PurePosixPath(uri).name in digests
        return (copy / PurePosixPath(uri).name if single else copy), digests
    return _remote(uri)


def _remote(uri: str) -> tuple[Path, dict[str, str]]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(uri)
        single = files.isfile(path)
        listing = {PurePosixPath(path).name: files.info(path)} if single else _listing(files, path)
    except (ImportError, OSError, ValueError) as error:
        raise ModelError(f"no model package at '{uri}': {' '.join(str(error).split())}") from error
    if not listing:
        raise ModelError(f"no model package at '{uri}': there is no such folder")

    def fill(folder: Path) -> None:
        for name in listing:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(path if single else f"{path.rstrip('/')}/{name}", str(target))

    folder_kept, digests = _cached_copy(uri, _listing_text(listing), fill)
    return (folder_kept / next(iter(listing)) if single else folder_kept), digests


def _cached_copy(uri: str, version: str, fill: Callable[[Path], None]) -> tuple[Path, dict[str, str]]:
    """A folder of the cache that `fill` filled, now or when `uri` was at the same `version` before."""
    models = cache_folder() / "models"
    models.mkdir(parents=True, exist_ok=True, mode=0o700)
    note_file = models / f"{hashlib.sha256(json.dumps([uri, version]).encode()).hexdigest()}.json"
    if note_file.is_file():
        known = str(json.loads(note_file.read_text(encoding="utf-8"))["digest"])
        copy = models / known.replace(":", "-")
        # The copy is read again: whoever changed or truncated it does not get to run.
        digests = file_digests(copy) if copy.is_dir() else {}
        if digest_of(digests) == known:
            return copy, digests
    fresh = Path(tempfile.mkdtemp(prefix=".incoming-", dir=models))
    try:
        fill(fresh)
        digests = file_digests(fresh)
        digest = digest_of(digests)
        copy = models / digest.replace(":", "-")
        if copy.is_dir() and file_digests(copy) != digests:
            shutil.rmtree(copy)
        try:
            fresh.rename(copy)
        except OSError:
            # Another process brought the same package in the meantime.
            if not copy.is_dir():
                raise
        note = fresh.with_suffix(".json")
        note.write_text(json.dumps({"digest": digest, "uri": uri}), encoding="utf-8")
        note.replace(note_file)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return copy, digests


def _listing(files: Any, path: str) -> dict[str, Any]:
    """{name relative to the package: the file system's description of the file}."""
    base = path.rstrip("/") + "/"
    descriptions: dict[str, Any] = {}
    for name, info in files.find(path, detail=True).items():
        relative = str(name).removeprefix(base)
        parts = PurePosixPath(relative).parts
        if PurePosixPath(relative).is_absolute() or ".." in parts:
            raise ValueError(f"the file name '{name}' leads out of the package")
        if "__pycache__" not in parts:
            descriptions[relative] = info
    return descriptions


def _listing_text(listing: dict[str, Any]) -> str:
    return json.dumps(sorted((name, str(sorted(info.items()))) for name, info in listing.items()))
