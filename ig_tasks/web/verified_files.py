"""The Parquet files of a run's rows, opened by their number, each compared with its digest before it is believed.

A file on a local disk is read whole once to be compared, and again when its size, time or inode have changed. One of
another store is copied: the copy has no name, holds what the digest says, and serves the next request too.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from ig_tasks.errors import QueryError
from ig_tasks.store import RunFolder
from ig_tasks.store.sealed import damaged
from ig_tasks.web.file_copies import COPIES, Reader

__all__ = ["PROTOCOL", "VerifiedFiles", "address", "filesystem_of"]

PROTOCOL = "igrows"
"""The only kind of address that a query can read from: `igrows://0`, `igrows://1`."""

_ROWS = re.compile(r"attributions/[^/]+\.parquet")
_KNOWN = 100_000
"""Files known to be what was written, at most."""


class VerifiedFiles:
    """Tables of one run: those of its rows, unless others are named.

    Args:
        folder: of the run.
        digests: of its files, by their names, as its manifest has them.
        names: the files, of one set of columns; all of them have a digest.

    Raises:
        QueryError: if the run has none.
    """

    def __init__(self, folder: RunFolder, digests: Mapping[str, str], names: Sequence[str] | None = None) -> None:
        self._checked = folder.checked(digests)
        self._digests = digests
        self.names = list(names) if names is not None else sorted(name for name in digests if _ROWS.fullmatch(name))
        self._local = isinstance(folder.filesystem, LocalFileSystem)
        if not self.names:
            raise QueryError(f"run {folder.run_id}: its rows are not in the store")

    def __len__(self) -> int:
        return len(self.names)

    def verify(self, going: Callable[[], None]) -> None:
        """Compare every file with its digest; `going` is called before each, and may raise.

        Raises:
            DamagedError: naming one that is missing or is not what was written.
            QueryError: if copies of them would take too much room.
        """
        if not self._local:
            self._require_room()
        for place in range(len(self)):
            going()
            self.open(place).close()

    def _require_room(self) -> None:
        absent = [name for name in self.names if not COPIES.has((self._checked.uri_of(name), self._digests[name]))]
        size = sum(self._checked.size(name) for name in absent)
        if size > COPIES.room:
            raise QueryError(
                f"the rows of this run take {size / 1e9:.1f} GB, more than pages copy from a store that is not a disk "
                f"({COPIES.room / 1e9:.1f} GB); open the run in a notebook"
            )

    def size(self, place: int) -> int:
        """The file's size in bytes."""
        with self.open(place) as handle:
            return handle.seek(0, os.SEEK_END)

    def open(self, place: int) -> Reader:
        """A handle of the file, which is what was written.

        Raises:
            DamagedError: if it is missing, or is not.
        """
        name = self.names[place]
        return self._open_local(name) if self._local else self._open_copy(name)

    def _open_local(self, name: str) -> Reader:
        path, digest = self._checked.path_of(name), self._digests[name]
        try:
            number = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise damaged(self._checked, name, "it is missing") from None
        handle = Reader(number)
        try:
            state = _state(number)
            if not _SEEN.has((path, digest), state):
                actual = hashlib.file_digest(handle, "sha256").hexdigest()
                if f"sha256:{actual}" != digest:
                    self._checked.read_bytes(name)  # says what is wrong with it
                    raise damaged(self._checked, name, "it changes while it is read")
                if _state(number) == state:
                    _SEEN.note((path, digest), state)
                handle.seek(0)
        except BaseException:
            handle.close()
            raise
        return handle

    def _open_copy(self, name: str) -> Reader:
        key = (self._checked.uri_of(name), self._digests[name])
        copy = COPIES.opened(key)
        if copy is None:
            COPIES.keep(key, self._checked.read_bytes(name))
            copy = COPIES.opened(key)
        if copy is None:
            raise QueryError(f"{name}: the file is larger than a page may copy from this store")
        return copy


def _state(number: int) -> tuple[int, ...]:
    """What changes when a file does."""
    status = os.fstat(number)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class _Seen:
    """Local files that were compared with their digests, as they were then; the ones used last are remembered."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[str, str], tuple[int, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def has(self, key: tuple[str, str], state: tuple[int, ...]) -> bool:
        with self._lock:
            return self._states.get(key) == state

    def note(self, key: tuple[str, str], state: tuple[int, ...]) -> None:
        with self._lock:
            self._states[key] = state
            self._states.move_to_end(key)
            if len(self._states) > _KNOWN:
                self._states.popitem(last=False)


_SEEN = _Seen()


def address(place: int) -> str:
    """How a query calls a file."""
    return f"{PROTOCOL}://{place}"


def filesystem_of(files: VerifiedFiles) -> AbstractFileSystem:
    """A filesystem with the files of one run in it, and nothing else; it cannot be written to."""
    return _RowsFileSystem(files)


class _RowsFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    protocol = PROTOCOL
    cachable = False

    def __init__(self, files: VerifiedFiles) -> None:
        super().__init__()
        self._files = files

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(path).removeprefix(f"{PROTOCOL}://")

    def _place(self, path: str) -> int:
        named = self._strip_protocol(path)
        if not (named.isascii() and named.isdigit() and int(named) < len(self._files)):
            raise FileNotFoundError(path)
        return int(named)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """The file's name and size."""
        return {"name": path, "size": self._files.size(self._place(path)), "type": "file"}

    def modified(self, path: str) -> Any:
        """No time: a file is what its digest says."""
        self._place(path)
        return datetime.fromtimestamp(0, UTC)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Reader:
        if mode != "rb":
            raise PermissionError(f"{path}: the rows of a run are read, and never written")
        return self._files.open(self._place(path))
