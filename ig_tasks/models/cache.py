"""A package at a remote URI, copied once into a folder of this machine that is named by its digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from ig_tasks.errors import ModelError
from ig_tasks.models.digest import digest_of, file_digests

__all__ = ["cache_folder", "is_local", "local_folder"]


def cache_folder() -> Path:
    """$IG_TASKS_CACHE, else ~/.cache/ig_tasks (or under $XDG_CACHE_HOME)."""
    given = os.environ.get("IG_TASKS_CACHE")
    if given:
        return Path(given)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ig_tasks"


def is_local(uri: str) -> bool:
    """Whether `uri` is a path, or a file:// URI, of this machine."""
    return "://" not in uri or uri.startswith("file://")


def local_folder(uri: str) -> tuple[Path, dict[str, str]]:
    """A local folder that holds the package at `uri`, and its files' digests.

    A local path is itself. A remote folder (any fsspec URI) is copied; as long as its listing stays the same
    (names, sizes, tags or times) and the copy is whole, nothing is transferred again.

    Raises ModelError when there is no such folder, or no driver for the URI.
    """
    if is_local(uri):
        root = Path(uri.removeprefix("file://")).expanduser().resolve()
        if not root.is_dir():
            raise ModelError(f"no model package at '{uri}': there is no such folder")
        return root, file_digests(root)
    return _remote_folder(uri)


def _remote_folder(uri: str) -> tuple[Path, dict[str, str]]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(uri)
        listing = _listing(files, path)
    except (ImportError, OSError, ValueError) as error:
        raise ModelError(f"no model package at '{uri}': {' '.join(str(error).split())}") from error
    if not listing:
        raise ModelError(f"no model package at '{uri}': there is no such folder")
    models = cache_folder() / "models"
    models.mkdir(parents=True, exist_ok=True, mode=0o700)
    seen = models / f"{_fingerprint(uri, listing)}.json"
    if seen.is_file():
        known = str(json.loads(seen.read_text(encoding="utf-8"))["digest"])
        kept = models / known.replace(":", "-")
        # The copy is read again: whoever changed or truncated it does not get to run.
        digests = file_digests(kept) if kept.is_dir() else {}
        if digest_of(digests) == known:
            return kept, digests
    fresh = Path(tempfile.mkdtemp(prefix=".incoming-", dir=models))
    try:
        for name in listing:
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(f"{path.rstrip('/')}/{name}", str(target))
        digests = file_digests(fresh)
        digest = digest_of(digests)
        kept = models / digest.replace(":", "-")
        if kept.is_dir() and file_digests(kept) != digests:
            shutil.rmtree(kept)
        try:
            fresh.rename(kept)
        except OSError:
            # Another process brought the same package in the meantime.
            if not kept.is_dir():
                raise
        note = fresh.with_suffix(".json")
        note.write_text(json.dumps({"digest": digest, "uri": uri}), encoding="utf-8")
        note.replace(seen)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return kept, digests


def _listing(files: Any, path: str) -> dict[str, Any]:
    """{name relative to the package: the file system's description of the file}"""
    base = path.rstrip("/") + "/"
    found: dict[str, Any] = {}
    for name, info in files.find(path, detail=True).items():
        relative = str(name).removeprefix(base)
        parts = PurePosixPath(relative).parts
        if PurePosixPath(relative).is_absolute() or ".." in parts:
            raise ValueError(f"the file name '{name}' leads out of the package")
        if "__pycache__" not in parts:
            found[relative] = info
    return found


def _fingerprint(uri: str, listing: dict[str, Any]) -> str:
    text = json.dumps([uri, sorted((name, str(sorted(info.items()))) for name, info in listing.items())])
    return hashlib.sha256(text.encode()).hexdigest()
