"""Files on a local disk or a share: there whole or not at all, one writer alone, locks that end with their process."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ig_tasks.errors import StoreError

__all__ = ["HALF", "LOCK", "link_file", "lock_file", "replace_file", "require_writable_folder"]

HALF = ".part"
"""How the name of a file ends that is still being written."""

LOCK = ".lock"
"""How the name of a file ends that holds nothing, and that processes lock."""


def require_writable_folder(path: Path, store: str) -> None:
    """Try it: permissions do not tell what the administrator, a full disk or a filesystem of the system allows."""
    # What lies in a folder that cannot be looked into counts as absent: it is that folder which stands in the way.
    nearest = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if not os.path.isdir(nearest):  # noqa: PTH112 - Path.is_dir raises where a link leads into such a folder
        raise StoreError(f"store {store}: {nearest} is not a folder; give a folder of your own")
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=HALF, dir=nearest):
            pass
    except OSError as error:
        why = error.strerror or error
        raise StoreError(f"store {store}: {nearest} cannot be written to ({why}); give a folder of your own") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never half of it."""
    with _written_beside(path, content) as temporary:
        temporary.replace(path)


def link_file(path: Path, content: bytes) -> bool:
    """Write a file whole, unless one of its name is there."""
    with _written_beside(path, content) as temporary:
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError:
            # A disk without hard links (FAT, some shares): looked for first, since half a file would be worse.
            if path.exists():
                return False
            temporary.replace(path)
    return True


def lock_file(path: Path, stack: contextlib.ExitStack) -> None:
    """Wait for an exclusive lock on a file of its own, until `stack` closes it; no lock where the system has none."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return
    # A place that is not to be written to says so by the write that follows; a disk without locks is as it was.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle: IO[bytes] = path.open("ab")
        except PermissionError:  # it is there, and another user's
            handle = path.open("rb")
        fcntl.flock(stack.enter_context(handle), fcntl.LOCK_EX)


@contextmanager
def _written_beside(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with this content, on the disk; gone at the end unless it was moved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{HALF}")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
