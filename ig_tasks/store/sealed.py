"""Files of the store that are known to be what was written, and what becomes of one that is not.

A file of JSON says so itself: it begins with the digest of all that follows. Any other file is compared with the digest
that such a file holds of it. A file that is damaged is moved aside under `damaged/`, never removed: whoever wants to
know how it came about has it, and the stage that wrote it finds it absent and writes it anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ig_tasks.errors import DamagedError
from ig_tasks.presentation.visible import json_visible
from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import digest_of

__all__ = [
    "CHECKSUM", "DAMAGED", "Say", "create_sealed", "damaged", "read_sealed", "require_digest", "seal", "set_aside",
    "take_sealed", "unseal", "write_sealed",
]  # fmt: skip

CHECKSUM = "checksum"
"""The first key of a sealed document: sha256 of the same text without it."""

DAMAGED = "damaged"
"""The sub-folder for files that are not what was written."""

Say = Callable[[str], None]

_SEAL = re.compile(rb'\{"checksum": "sha256:([0-9a-f]{64})",')


def seal(document: Mapping[str, Any], *, indent: int | None = 2) -> bytes:
    """A document, not empty, as JSON with its checksum."""
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    try:
        body = text.encode("utf-8")
    except UnicodeEncodeError:  # half a letter, as names in data may hold: JSON has an escape for it
        body = json_visible(text).encode("utf-8")
    return b'{"checksum": "sha256:' + hashlib.sha256(body).hexdigest().encode() + b'",' + body[1:]


def unseal(content: bytes, *, unsealed: bool = False) -> dict[str, Any]:
    """The document of sealed JSON, without its checksum.

    Args:
        unsealed: take a document without a checksum too, of a version that wrote none.

    Raises:
        ValueError: saying what is wrong with the content.
    """
    if not content.strip(b"\0 \n"):
        raise ValueError("it is empty" if not content else "it holds nothing but zeros")
    seal = _SEAL.match(content)
    if seal and hashlib.sha256(b"{" + content[seal.end() :]).hexdigest() != seal[1].decode():
        raise ValueError("its content is not what was written: the checksum differs")
    if not seal and not unsealed:
        raise ValueError("it does not begin with a checksum")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is the first
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise ValueError("it holds no JSON object")
    document.pop(CHECKSUM, None)
    return document


def write_sealed(folder: Folder, name: str, document: Mapping[str, Any], *, indent: int | None = 2) -> None:
    """As `Folder.write_json`, sealed."""
    folder.write_bytes(name, seal(document, indent=indent))


def create_sealed(folder: Folder, name: str, document: Mapping[str, Any]) -> bool:
    """As `Folder.create_json`, sealed."""
    return folder.create_bytes(name, seal(document))


def read_sealed(folder: Folder, name: str, *, unsealed: bool = False) -> dict[str, Any]:
    """The document in a sealed file; `unsealed` as for `unseal`.

    Raises:
        FileNotFoundError: if it is not there.
        DamagedError: if it is not what was written.
    """
    try:
        return unseal(folder.read_bytes(name), unsealed=unsealed)
    except ValueError as error:
        raise damaged(folder, name, str(error)) from None


def take_sealed(folder: Folder, name: str, say: Say, *, unsealed: bool = False) -> dict[str, Any] | None:
    """The document in a sealed file that can be made anew; None where it is absent, or damaged and now set aside."""
    try:
        return read_sealed(folder, name, unsealed=unsealed)
    except FileNotFoundError:
        return None
    except DamagedError as error:
        say(set_aside(folder, name, error))
        return None


def require_digest(folder: Folder, name: str, content: bytes, digest: str) -> None:
    """Refuse the content of a file that is not the one with this digest.

    Raises:
        DamagedError: saying what is wrong with it.
    """
    own_digest = digest_of(content)
    if own_digest != digest:
        fault = "its content is not what was written" if content.strip(b"\0") else "it holds nothing but zeros"
        why = f"{fault}: {own_digest[:19]}, not {digest[:19]}" if content else "it is empty"
        raise damaged(folder, name, why)


def damaged(folder: Folder, name: str, why: str) -> DamagedError:
    """What to raise for a damaged file."""
    return DamagedError(f"{folder.uri_of(name)} is damaged ({why}); run again, and it is set aside and made again")


def set_aside(folder: Folder, name: str, why: DamagedError) -> str:
    """Move a damaged file out of the way; returns a line that says so.

    Raises:
        RunError: if it cannot be moved.
    """
    place = f"{DAMAGED}/{uuid.uuid4().hex[:8]}-{name.replace('/', '-')}"
    folder.move(name, place)
    return f"{str(why).partition('; run again')[0]}; it is set aside as {place} and made again"
