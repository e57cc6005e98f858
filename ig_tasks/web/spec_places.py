"""What the browser calls a spec: by its name in the browser's own store, else by its name and its store.

Light: tasks make addresses with it.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

__all__ = ["SpecPlace", "canonical_store", "name_of", "plain_store", "spec_key"]

_MARK = "@"
"""No spec's name has this letter."""
_DIGITS = 12


class SpecPlace(NamedTuple):
    """A spec's folder: its name and the store's URI."""

    name: str
    store: str


def spec_key(place: SpecPlace, own_store: str) -> str:
    """What the browser calls a spec, in addresses too.

    >>> spec_key(SpecPlace("loans", "/runs/"), "/runs"), spec_key(SpecPlace("loans", "s3://team/runs"), "/runs")
    ('loans', 'loans@24df2069ccdd')
    """
    store = plain_store(place.store)
    if store == plain_store(own_store):
        return place.name
    return f"{place.name}{_MARK}{hashlib.sha256(store.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def name_of(key: str) -> str:
    """The spec's own name.

    >>> name_of("loans@24df2069ccdd"), name_of("loans")
    ('loans', 'loans')
    """
    return key.partition(_MARK)[0]


def plain_store(uri: str) -> str:
    """A store's URI without what says nothing: tasks and the server write it alike.

    >>> plain_store("file:///srv/runs/"), plain_store("/srv/./runs"), plain_store("s3://team/runs/")
    ('/srv/runs', '/srv/runs', 's3://team/runs')
    """
    if uri.startswith(("file:/", "local:/")):
        uri = "/" + uri.partition(":")[2].lstrip("/")
    return uri.rstrip("/") if "://" in uri else os.path.normpath(uri)


def canonical_store(uri: str) -> str:
    """What is the same for all URIs of one folder, as far as that can be told: whoever asks reads it as this process.

    Raises:
        ValueError: if it cannot be told, as where one filesystem is laid over another.
        StoreError, RunError: if there is no such filesystem here.
    """
    from fsspec.implementations.local import LocalFileSystem

    from ig_tasks.store import Folder

    if "::" in uri:
        raise ValueError("filesystems that are laid over each other")
    folder = Folder(uri)
    if isinstance(folder.filesystem, LocalFileSystem):
        return str(os.path.realpath(folder.root))
    protocol = folder.filesystem.protocol
    first = protocol if isinstance(protocol, str) else min(protocol)
    return f"{first}://{folder.root.strip('/')}"
