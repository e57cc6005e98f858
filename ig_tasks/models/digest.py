"""The digest of a model package: what the spec's `trust` and a run's key refer to."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from ig_tasks.errors import ModelError

__all__ = ["digest_of", "file_digest", "file_digests", "stamp_of", "stamps_of"]

Stamp = tuple[int, ...]

_IGNORED = "__pycache__"
"""Bytecode that Python writes beside the code. It is never read from a package either (see code.py)."""


def file_digests(root: Path) -> dict[str, str]:
    """{name relative to `root`, with forward slashes: sha256 of the content in hex}, sorted by name."""
    digests: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != _IGNORED]
        for name in folders:
            if (Path(folder) / name).is_symlink():
                # A walk does not enter it, so what lies behind it could change unseen.
                raise ModelError(f"model package '{root}': folder '{name}' is a link; put the folder itself there")
        for name in files:
            path = Path(folder) / name
            try:
                digests[path.relative_to(root).as_posix()] = file_digest(path)
            except OSError as error:
                raise ModelError(f"model package '{root}': '{name}' cannot be read ({error.strerror})") from None
    return dict(sorted(digests.items()))


def stamp_of(path: Path) -> Stamp:
    """What the system says of a file's version. Raises OSError.

    A file with the stamp that it had before it was digested has the content that was digested.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def stamps_of(place: Path) -> dict[Path, Stamp]:
    """{file: its stamp} of a file, or of those in a folder; what cannot be looked at is left out."""
    stamps: dict[Path, Stamp] = {}
    for path in (Path(folder) / name for folder, _, names in os.walk(place) for name in names):
        with contextlib.suppress(OSError):
            stamps[path] = stamp_of(path)
    return stamps or ({place: stamp_of(place)} if place.is_file() else {})


def file_digest(path: Path) -> str:
    """sha256 of a file's content, in hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(files: Mapping[str, str]) -> str:
    """The digest "sha256:<64 hex>" over names and content digests, as `file_digests` gives them."""
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        # A length before the name: no two different sets of files write the same bytes.
        encoded = name.encode()
        total.update(len(encoded).to_bytes(8, "big") + encoded + bytes.fromhex(content))
    return f"sha256:{total.hexdigest()}"
