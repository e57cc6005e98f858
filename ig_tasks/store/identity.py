"""The identity of a run: a key made of everything that decides its numbers.

The same work has the same key and so the same folder, whoever asks for it; a second run finds it done.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import quote

KEY_DIGITS = 12


def canonical_json(document: Any) -> str:
    """JSON in which equal documents are equal text: sorted keys, no spaces, numbers as Python repeats them."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest_of(content: bytes | str | Any) -> str:
    """`sha256:<64 hex digits>` of bytes, text, or a JSON document in its canonical form."""
    if not isinstance(content, bytes):
        content = (content if isinstance(content, str) else canonical_json(content)).encode("utf-8", "surrogatepass")
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def run_key(parts: dict[str, Any]) -> str:
    """Twelve hex digits over the parts that decide a run's numbers."""
    return digest_of(parts).removeprefix("sha256:")[:KEY_DIGITS]


def run_id_of(partition: str, key: str) -> str:
    """`<partition or all>-<key>`; what a path would mind in a partition is percent-encoded.

    >>> run_id_of("New York/2013", "0123456789ab")
    'New%20York%2F2013-0123456789ab'
    """
    return f"{quote(partition, safe='')}-{key}"
