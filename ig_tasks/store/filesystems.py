"""The filesystem of a URI, without a memory of what lay in a folder a moment ago."""

from __future__ import annotations

from typing import Any

import fsspec

__all__ = ["filesystem_of"]

_REMEMBER_LISTINGS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "ocilake", "http", "https"}
"""Protocols whose packages keep the listings of folders, and can be told not to."""


def filesystem_of(uri: str) -> tuple[Any, str]:
    """The filesystem of a URI, and its path there; as `fsspec.core.url_to_fs`.

    Packages of object stores keep each listing of a folder, and answer later questions from it: a file that another
    process wrote since then is not there for them, neither to be found nor to be opened. Here they keep none.

    Raises:
        ImportError, ValueError, OSError: as fsspec does.
    """
    protocol, _, _ = uri.partition("://")
    options = {"use_listings_cache": False} if protocol in _REMEMBER_LISTINGS else {}
    filesystem, path = fsspec.core.url_to_fs(uri, **options)
    return filesystem, str(path)
