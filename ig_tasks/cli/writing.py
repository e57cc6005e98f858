"""Files that commands write where `--to` says: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ig_tasks.errors import InputError, brief

__all__ = ["require_file", "write_whole"]


def require_file(to: str) -> None:
    """Report what is wrong with a file's name before anything is computed for it.

    Raises:
        InputError: if it is a folder, or would lie in one that is not there.
    """
    file = Path(to)
    if file.is_dir():
        raise InputError(f"--to {file}: cannot be written (it is a folder); name a file")
    if not file.absolute().parent.is_dir():
        raise InputError(f"--to {to}: cannot be written (there is no folder {file.parent}); make it first")


def write_whole(to: str, pieces: Iterable[bytes]) -> None:
    """Write a file; one that is there stays as it is if a piece cannot be made.

    Raises:
        InputError: if it cannot be written.
    """
    require_file(to)
    part = Path(f"{to}.part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
        part.replace(to)
    except OSError as error:
        raise InputError(f"--to {to}: cannot be written ({error.strerror or brief(error)})") from None
    finally:
        part.unlink(missing_ok=True)
