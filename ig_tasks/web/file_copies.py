"""Copies of files of stores that are no disk, for the queries that read them again and again."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections import OrderedDict
from typing import Any, BinaryIO

__all__ = ["COPIES", "Copies"]

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

    def opened(self, key: Key) -> BinaryIO | None:
        """A handle of the copy; None if there is none."""
        with self._lock:
            file = self._files.get(key)
            if file is None:
                return None
            self._files.move_to_end(key)
            return io.BufferedReader(_Copy(os.dup(file.fileno()), self._sizes[key]))

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


class _Copy(io.RawIOBase):
    """A reader of a copy with a position of its own: handles of one file share theirs."""

    def __init__(self, number: int, size: int) -> None:
        self._number, self._size, self._at = number, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        read = os.preadv(self._number, [buffer], self._at)
        self._at += read
        return read

    def close(self) -> None:
        if not self.closed:
            os.close(self._number)
        super().close()


COPIES = Copies(2 * 1024**3)
