"""Whether a data file is still the one that a run began with.

A stamp is what the filesystem says of a file's version. A file with the stamp that it had when it was digested has the
content that was digested; one with another stamp is digested again, since a copy on another machine, or a file that
was only linked, has a stamp of its own and the same content.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ig_tasks.errors import DataError

__all__ = ["changed", "content_digest", "require_same", "stamp_of", "version_of"]

_BLOCK = 1 << 20

_KEPT = 4096
_versions: dict[tuple[str, str], str] = {}
"""{(path, stamp): version} of files that had another stamp than the one they were expected to have."""

_TAGS = ("etag", "generation", "version_id", "versionid", "content_md5", "md5hash", "checksum")
"""What a store says of a content, the surest first; without any of them its times count."""

_TIMES = ("mtime", "lastmodified", "last_modified", "updated", "modified", "created")


def stamp_of(filesystem: Any, path: str) -> str:
    """What the filesystem says of a file's version now; empty where it says nothing but the size.

    Raises:
        OSError: if the file cannot be looked at.
    """
    if isinstance(filesystem, LocalFileSystem):
        status = os.stat(path)  # noqa: PTH116 - the path is the filesystem's, not a Path
        return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
    filesystem.invalidate_cache()
    info = {str(key).lower().replace("-", "_"): value for key, value in filesystem.info(path).items()}
    version = next((f"{key} {info[key]}" for key in (*_TAGS, *_TIMES) if info.get(key)), "")
    return version and f"{info.get('size')} {version}"


def content_digest(filesystem: Any, path: str) -> str:
    """sha256 of a file's content, in hex."""
    content = hashlib.sha256()
    with filesystem.open(path, "rb") as handle:
        while block := handle.read(_BLOCK):
            content.update(block)
    return content.hexdigest()


def version_of(filesystem: Any, path: str) -> str:
    """What a data set's digest is made of: a local file's content, or what a store says of a version."""
    if isinstance(filesystem, LocalFileSystem | MemoryFileSystem):
        return content_digest(filesystem, path)
    if "http" in filesystem.protocol or "https" in filesystem.protocol:
        # Its `ukey` is made of the address alone, whatever lies there.
        return stamp_of(filesystem, path) or content_digest(filesystem, path)
    return str(filesystem.ukey(path))


def require_same(filesystem: Any, path: str, stamp: str | None, version: str | None) -> str:
    """Refuse a file that is not the one of this stamp, or else of this version; returns its stamp of now.

    Raises:
        DataError: naming the file.
    """
    try:
        now = stamp_of(filesystem, path)
        if stamp is None or (now and now == stamp):
            return now
        if version is not None and _version_at(filesystem, path, now) == version:
            return now
    except FileNotFoundError:
        raise changed(path, "it is not there any more") from None
    raise changed(path, "it was replaced or written to")


def _version_at(filesystem: Any, path: str, stamp: str) -> str:
    """The version of a file, made out once for each stamp: every shard of a copied file asks for it."""
    if not stamp:
        return version_of(filesystem, path)
    place = (f"{filesystem.protocol} {path}", stamp)
    if place not in _versions:
        version = version_of(filesystem, path)
        if stamp_of(filesystem, path) != stamp:
            return ""
        while len(_versions) >= _KEPT:
            _versions.pop(next(iter(_versions)), None)
        _versions[place] = version
    return _versions[place]


def changed(path: str, why: str) -> DataError:
    """What to raise for a file that is not what the run began with."""
    return DataError(f"data file {path} is not the one that the run began with ({why}); start the run again")
