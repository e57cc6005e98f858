"""Copies of files of stores that are no disk, for the queries that read them again and again."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections import OrderedDict
from typing import Any, BinaryIO

__all__ = ["COPIES", "Copies", "Reader"]

Key = tuple[str, str]
"""The address of a file, and the digest of what it holds: a copy is never out of date."""


class Copies:
    """Copies of files of other stores, in temporary files without a name; the ones used last are kept."""

    def __init__(self, room: int) -> None:
        self.room = room
        """Bytes that the copies may take."""
        self._files: OrderedDict[Key, BinaryIO] = OrderedDict()
        self._sizes: dict[Key, int] = {}
        self._lock = threading.Lock()

    def has(self, key: Key) -> bool:
        """Whether a file of this address and digest is copied."""
        with self._lock:
            return key in self._files

    def opened(self, key: Key) -> Reader | None:
        """A handle of the copy; None if there is none."""
        with self._lock:
            file = self._files.get(key)
            if file is None:
                return None
            self._files.move_to_end(key)
            return Reader(os.dup(file.fileno()))

    def keep(self, key: Key, content: bytes) -> None:
        """Copy a file, and let go of those that were used longest ago where there is no room."""
        if len(content) > self.room:
            return
        file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it makes room
        file.write(content)
        file.flush()
        with self._lock:
            if key in self._files:  # another request was first
                file.close()
                return
            self._files[key], self._sizes[key] = file, len(content)
            while sum(self._sizes.values()) > self.room:
                oldest, left = self._files.popitem(last=False)
                del self._sizes[oldest]
                left.close()


class Reader(io.RawIOBase):
    """A reader with a position of its own in each thread.

    DuckDB hands one handle to several threads, each of which seeks and then reads. Between the two another thread may
    seek: a handle with one position would then give it another place of the file, without any error.

    Args:
        number: of an open file, which is closed with the reader.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._size = os.fstat(number).st_size
        self._here = threading.local()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position of this thread."""
        return int(getattr(self._here, "at", 0))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position of this thread."""
        self._here.at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        return self.tell()

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as are asked for; fewer only at the end of the file."""
        at = self.tell()
        left = self._size - at if size is None or size < 0 else min(size, self._size - at)
        parts = []
        while left > 0 and (part := os.pread(self._number, left, at)):
            parts.append(part)
            at, left = at + len(part), left - len(part)
        self._here.at = at
        return b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        """As `read`."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            os.close(self._number)
        super().close()


COPIES = Copies(2 * 1024**3)
