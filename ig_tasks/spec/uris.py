"""Secrets in URIs: a spec goes into reports, pages, logs and DAGs, where no password or token belongs.

A field that takes a URI is of the type `Uri`, which refuses one that holds a secret or may hold one: what stands before
the host, and a query that says more than a version. A field for text that people write is of the type `Prose`, from
which secrets are cut, as from messages that are not ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator

from ig_tasks.errors import SpecError

__all__ = ["Prose", "Uri", "check_uri", "cut_secrets", "environment_uri", "without_secrets"]

_REMEDY = (
    "leave it out: workers use credentials of their own, from the environment; for a Dask scheduler name an Airflow "
    "connection"
)

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*):(/+)")

_NO_HOST = ("models", "runs", "dbfs", "file", "local")
"""Schemes that one slash may follow, and then no host."""

_CONTAINERS = ("abfs", "abfss", "wasb", "wasbs")
"""Schemes whose URIs have a container's name where others have a user: `abfss://container@account.host/path`."""

_VERSIONS = r"version|versionid|version_id|generation|snapshot|rev|revision|ref"
_VERSION = re.compile(rf"(?i)[?](?:{_VERSIONS})=[\w.:-]{{1,64}}|#\d{{1,20}}")
"""A query that says which version of a file is meant, and Google's way to say it."""

_QUERY = re.compile(r"[?&#][^=?&#/\s]+=")
"""A query also where the scheme was forgotten."""

_BEFORE_HOST = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/+)([^/\s'\"<>()]+)@")
_PAIR = re.compile(r"([?&#;])([^=?&#;/\s'\"]{1,64})=([^?&#;\s'\"<>()]+)")
_SECRET = re.compile(
    r"(?i)sig|se|sp|sv|st|sr|skoid|code|auth|.*(signature|token|secret|passw|pwd|key|credential|session|jwt|sas).*"
    r"|x-(amz|goog|ms)-.*"
)
"""Names in a query behind which a secret stands."""


def check_uri(text: str) -> str:
    """`text` itself.

    Raises:
        ValueError: if it holds a password or a token, or may. The message does not repeat it.
    """
    for part in text.split("::"):
        if fault := _fault(part):
            raise ValueError(f"{fault}; {_REMEDY}")
    return text


def environment_uri(variable: str) -> str | None:
    """The URI in a variable of the environment; None where it is empty or not set.

    Raises:
        SpecError: if it holds a secret, or may.
    """
    text = os.environ.get(variable)
    try:
        return check_uri(text) if text else None
    except ValueError as error:
        raise SpecError(f"{variable}: {error}") from None


def without_secrets(text: str) -> str:
    """Text in which nothing stands before a URI's host, and nothing behind a name of a query that is a secret's."""
    cut = _BEFORE_HOST.sub(_without_user, text)
    return _PAIR.sub(lambda pair: f"{pair[1]}{pair[2]}=..." if _SECRET.fullmatch(pair[2]) else pair[0], cut)


def cut_secrets(value: Any) -> Any:
    """A value of JSON or YAML whose texts are `without_secrets`."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, Mapping):
        return {key: cut_secrets(item) for key, item in value.items()}
    return [cut_secrets(item) for item in value] if isinstance(value, list | tuple) else value


Uri = Annotated[str, AfterValidator(check_uri)]
"""A path or a URI without secrets, or a name that may not be one with them."""

Prose = Annotated[str, AfterValidator(without_secrets)]
"""What people write of a thing: links may stand in it, and their secrets are cut."""


def _without_user(uri: re.Match[str]) -> str:
    if _has_no_host(uri[1], uri[2]) or _is_container(uri[1], uri[3]):
        return uri[0]
    return f"{uri[1]}:{uri[2]}...@"


def _has_no_host(scheme: str, slashes: str) -> bool:
    return scheme.lower() in _NO_HOST and len(slashes) == 1


def _fault(part: str) -> str:
    scheme = _SCHEME.match(part)
    if scheme and not _has_no_host(scheme[1], scheme[2]):
        place = _decoded(re.split(r"[/?#]", part[scheme.end() :], maxsplit=1)[0])
        user, at, host = place.rpartition("@")
        if at and not _is_container(scheme[1], user):
            return "the URI holds a password, a token or a user before its host"
        name, colon, port = host.rpartition(":")
        if colon and not (port.isdigit() or name.endswith("]") or host.endswith("]")):
            return "the URI holds a password, or something that is not a port, behind its host"
    query = re.search(r"[?#]", part) if scheme else _QUERY.search(part)
    if query and not _VERSION.fullmatch(part[query.start() :]):
        return "the URI holds a query, and with it may hold a token"
    return ""


def _decoded(text: str) -> str:
    """Without percent signs, however often it was encoded."""
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _is_container(scheme: str, user: str) -> bool:
    return scheme.lower() in _CONTAINERS and bool(re.fullmatch(r"[a-z0-9$-]{1,63}", user))
