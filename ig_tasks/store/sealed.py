"""Files of the store that are known to be what was written, and what becomes of one that is not.

A file of JSON says so itself: it begins with the digest of all that follows. So does one of a line of JSON and bytes
behind it. Any other file is compared with the digest that such a file holds of it. A file that is damaged is moved
aside under `damaged/`, never removed: whoever wants to know how it came about has it, and the stage that wrote it finds
it absent and writes it anew.
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
    "CHECKSUM", "DAMAGED", "Say", "create_sealed", "damaged", "read_sealed", "require_digest", "seal", "seal_binary",
    "set_aside", "take_sealed", "unseal", "unseal_binary", "write_sealed",
]  # fmt: skip

CHECKSUM = "checksum"
"""The first key of a sealed document: sha256 of the same text without it."""

DAMAGED = "damaged"
"""The sub-folder for files that are not what was written."""

Say = Callable[[str], None]

_SEAL = re.compile(rb'\{"checksum": "sha256:([0-9a-f]{64})",')


def seal(document: Mapping[str, Any], *, indent: int | None = 2) -> bytes:
    """A document, not empty, as JSON with its checksum."""
    return _sealed(_text_bytes(json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False)))


def seal_binary(document: Mapping[str, Any], content: bytes) -> bytes:
    """A document, not empty, as one line of JSON with the checksum of all that follows, then the content."""
    return _sealed(_text_bytes(json.dumps(document, allow_nan=False, ensure_ascii=False)) + content)


def unseal_binary(sealed: bytes) -> tuple[dict[str, Any], bytes]:
    """The document and the content that `seal_binary` made one. Raises ValueError as `unseal` does."""
    _require_sealed(sealed, unsealed=False)
    line, _, content = sealed.partition(b"\n")
    document: dict[str, Any] = json.loads(line)
    document.pop(CHECKSUM)
    return document, content


def unseal(content: bytes, *, unsealed: bool = False) -> dict[str, Any]:
    """The document of sealed JSON, without its checksum.

    Args:
        unsealed: take a document without a checksum too, of a version that wrote none.

    Raises:
        ValueError: saying what is wrong with the content.
    """
    _require_sealed(content, unsealed=unsealed)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:  # a UnicodeDecodeError is the first
        raise ValueError(f"it is not JSON ({error})") from None
    if not isinstance(document, dict):
        raise ValueError("it holds no JSON object")
    document.pop(CHECKSUM, None)
    return document


def _text_bytes(text: str) -> bytes:
    """A line of JSON, or several, in UTF-8."""
    try:
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half a letter, as names in data may hold: JSON has an escape for it
        return json_visible(f"{text}\n").encode()


def _sealed(body: bytes) -> bytes:
    return b'{"checksum": "sha256:' + hashlib.sha256(body).hexdigest().encode() + b'",' + body[1:]


def _require_sealed(content: bytes, *, unsealed: bool) -> None:
    """Refuse what does not fit its checksum, or has none unless that is allowed. Raises ValueError."""
    seal = _SEAL.match(content)
    if seal is None and not content.strip(b"\0 \n"):
        raise ValueError("it is empty" if not content else "it holds nothing but zeros")
    if seal is None and not unsealed:
        raise ValueError("it does not begin with a checksum")
    if seal is not None:
        digest = hashlib.sha256(b"{")
        digest.update(memoryview(content)[seal.end() :])
        if digest.hexdigest() != seal[1].decode():
            raise ValueError("its content is not what was written: the checksum differs")


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
