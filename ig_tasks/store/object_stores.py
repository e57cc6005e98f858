"""What object stores offer beyond a filesystem: a put that appears whole, and a put of a new file alone."""

from __future__ import annotations

import errno
from typing import Any

__all__ = ["put_new", "puts_whole"]

_WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "memory"}


def puts_whole(filesystem: Any) -> bool:
    """Whether a put appears whole or not at all; elsewhere a file is written beside its place and renamed."""
    protocol = filesystem.protocol
    return bool({protocol} & _WHOLE_PUTS if isinstance(protocol, str) else set(protocol) & _WHOLE_PUTS)


def put_new(filesystem: Any, path: str, content: bytes) -> bool:
    """A conditional put; False where the file is there, or the store knows no such put.

    Raises:
        OSError: what the store says of anything else.
    """
    try:
        filesystem.pipe_file(path, content, mode="create")
    except (FileExistsError, NotImplementedError, TypeError):
        return False
    except OSError as error:
        # Packages differ in what they make of 409 and 412 (somebody else's) and of 501 (no such put).
        if error.errno == errno.ENOSYS or filesystem.exists(path):
            return False
        raise
    return True
