"""A folder on any filesystem that fsspec knows, in which a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from ig_tasks.errors import RunError, StoreError
from ig_tasks.presentation.visible import json_visible
from ig_tasks.store.filesystems import filesystem_of
from ig_tasks.store.local_files import HALF, LOCK, link_file, lock_file, replace_file, require_writable_folder
from ig_tasks.store.object_stores import put_new, puts_whole
from ig_tasks.store.parquet_reading import read_parquet
from ig_tasks.store.parquet_writing import table_bytes

_TRY = f".writable{HALF}"
"""Written and removed, to see whether that can be done."""


class Folder:
    """A folder by its URI. Names are relative, with forward slashes.

    Raises:
        StoreError: if there is no such kind of filesystem here.
        RunError: in one line, if the filesystem cannot be reached or refuses.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        try:
            self.filesystem, self.root = filesystem_of(self.uri)
        except (ImportError, ValueError) as error:
            raise StoreError(f"store {uri!r}: cannot be opened ({error}); install the fsspec package for it") from None
        except OSError as error:
            raise RunError(f"store {uri!r}: cannot be reached ({error})") from None
        self._is_local = isinstance(self.filesystem, LocalFileSystem)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    def uri_of(self, name: str) -> str:
        """The URI of a file or folder below this one."""
        return f"{self.uri}/{name}"

    def path_of(self, name: str) -> str:
        """The path that `self.filesystem` understands."""
        return f"{self.root.rstrip('/')}/{name}"

    def folder(self, name: str) -> Folder:
        """The folder `name` below this one; nothing is created."""
        return Folder(self.uri_of(name))

    def exists(self, name: str) -> bool:
        """Whether a file or folder of this name exists."""
        with self._reading(name):
            return bool(self.filesystem.exists(self.path_of(name)))

    def size(self, name: str) -> int:
        """The file's size in bytes."""
        return int(self.filesystem.size(self.path_of(name)) or 0)

    def names(self, name: str = "") -> list[str]:
        """The names within a sub-folder, sorted; empty if it is not there. No locks, nothing half written."""
        return sorted(self._listed(name, detail=False))

    def details(self, name: str = "") -> dict[str, dict[str, Any]]:
        """{name: what the filesystem says of it} within a sub-folder, by one listing; empty if it is not there."""
        return {base_name: dict(info) for base_name, info in self._listed(name, detail=True).items()}

    def _listed(self, name: str, *, detail: bool) -> dict[str, Any]:
        try:
            with self._reading(name):
                self.filesystem.invalidate_cache()
                listing = self.filesystem.ls(self.path_of(name).rstrip("/"), detail=detail)
        except FileNotFoundError:
            return {}
        by_name = {str(entry["name"] if detail else entry).rstrip("/").rsplit("/", 1)[-1]: entry for entry in listing}
        return {base_name: entry for base_name, entry in by_name.items() if not base_name.endswith((HALF, LOCK))}

    def read_bytes(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError if it is not there, RunError if it cannot be read."""
        with self._reading(name):
            if self._is_local:  # a run has two files a shard: what fsspec does before it opens one takes longer
                return Path(self.path_of(name)).read_bytes()
            content: bytes = self.filesystem.cat_file(self.path_of(name))
        return content

    def require_writable(self) -> None:
        """Refuse a place that cannot be written to, before anything is computed for it. Leaves no file behind.

        Raises:
            StoreError: naming what stands in the way.
            RunError: if the filesystem cannot be reached.
        """
        if self._is_local:
            require_writable_folder(Path(self.root), self.uri)
            return
        try:
            self.write_bytes(_TRY, b"")
        except (RunError, NotImplementedError, FileNotFoundError) as error:
            # A mistake, such as a bucket that is not there or belongs to others; what else breaks may work later.
            cause = error.__cause__ or error
            if not isinstance(cause, FileNotFoundError | PermissionError | NotImplementedError):
                raise
            why = " ".join(str(cause).split()) or type(cause).__name__
            raise StoreError(f"store {self.uri}: cannot be written to ({why}); give a place of your own") from None
        with contextlib.suppress(RunError):  # whoever may write may not be one who may remove
            self.remove(_TRY)

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RunError(f"store {self.uri}: {name or 'the folder'} cannot be read ({error})") from error

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a file so that readers see the old one or the new one, never half of it."""
        path = self.path_of(name)
        try:
            if self._is_local:
                replace_file(Path(path), content)
            elif puts_whole(self.filesystem):
                self.filesystem.pipe_file(path, content)
            else:
                self.filesystem.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
                temporary = f"{path}.{uuid.uuid4().hex}{HALF}"
                self.filesystem.pipe_file(temporary, content)
                self.filesystem.mv(temporary, path)
        except OSError as error:
            raise RunError(f"store {self.uri}: {name} cannot be written ({error})") from error

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is removed already.

        Raises:
            RunError: if it cannot be removed.
        """
        with contextlib.suppress(FileNotFoundError), self._reading(name):
            self.filesystem.rm_file(self.path_of(name))

    def move(self, name: str, to: str) -> None:
        """Rename a file of this folder, unless that is done already. Raises RunError if it cannot be moved."""
        path, place = self.path_of(name), self.path_of(to)
        try:
            if self._is_local:
                Path(place).parent.mkdir(parents=True, exist_ok=True)
                Path(path).replace(place)
            else:
                self.filesystem.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
                self.filesystem.mv(path, place)
                self.filesystem.invalidate_cache()
        except FileNotFoundError:
            return
        except OSError as error:
            raise RunError(f"store {self.uri}: {name} cannot be moved to {to} ({error})") from error

    def create_bytes(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there; returns whether this call wrote it.

        Exactly one of several concurrent writers gets True: on a local disk by a hard link, in an object store by a
        conditional put where its fsspec package offers one (`mode="create"`: S3, Google Cloud Storage, Azure).
        Elsewhere, and on disks without hard links, it is looked for first, which two writers within milliseconds of
        each other may both pass: the file is then the later one's, whole.
        """
        path = self.path_of(name)
        try:
            if self._is_local:
                return link_file(Path(path), content)
            if puts_whole(self.filesystem) and put_new(self.filesystem, path, content):
                return True
        except OSError as error:
            raise RunError(f"store {self.uri}: {name} cannot be written ({error})") from error
        self.filesystem.invalidate_cache()
        if self.exists(name):
            return False
        self.write_bytes(name, content)
        return True

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Processes that lock a name one after the other: to read a file and write it anew with nobody in between.

        On a local disk and on shares that know locks; the system undoes it when a process dies, however it dies.
        Elsewhere nothing is locked, since no lock of an object store survives its holder safely.
        """
        with contextlib.ExitStack() as lock:
            if self._is_local:
                lock_file(Path(self.path_of(f".{name}{LOCK}")), lock)
            yield

    def read_text(self, name: str) -> str:
        """The file's content as UTF-8 text."""
        return self.read_bytes(name).decode("utf-8")

    def write_text(self, name: str, text: str) -> None:
        """Write UTF-8 text, atomically."""
        self.write_bytes(name, text.encode("utf-8"))

    def read_json(self, name: str) -> Any:
        """The file's content, parsed as JSON."""
        return json.loads(self.read_bytes(name))

    def write_json(self, name: str, document: Any) -> None:
        """Write a document as JSON, atomically."""
        self.write_text(name, _json_text(document))

    def create_json(self, name: str, document: Any) -> bool:
        """As `create_bytes`."""
        return self.create_bytes(name, _json_text(document).encode("utf-8"))

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """The Parquet file as a table; `columns` None: all of them."""
        with self._reading(name), self.opened(name) as handle:
            return read_parquet(handle, columns)

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A file to read from, here and there."""
        with self.filesystem.open(self.path_of(name), "rb") as handle:
            yield handle

    def write_table(self, name: str, table: pa.Table) -> bytes:
        """Write a Parquet file; returns its bytes, so that a digest needs no second read."""
        content = table_bytes(table)
        self.write_bytes(name, content)
        return content


def _json_text(document: Any) -> str:
    return json_visible(json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False)) + "\n"
