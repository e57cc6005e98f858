"""The partitions that a trigger form offers: those that lie on this machine's disk, seen by one look at one folder."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

__all__ = ["PATTERN", "partitions_at"]

# The last part is an end that a line break does not pass, in Python as in a browser.
PATTERN = r'^[^/\\:*?"<>|\s]{1,200}(?![\s\S])'
"""What a Param takes as a partition."""

_MOST = 60


def partitions_at(uri: str, key: str) -> list[str]:
    """The values of `<key>=<value>` folders right below a local path, the latest first; empty elsewhere.

    It is done whenever Airflow reads the DAG file, so it asks no network and reads no file.
    """
    if "://" in uri and not uri.startswith("file://"):
        return []
    try:
        with os.scandir(uri.removeprefix("file://")) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(f"{key}=") and entry.is_dir()]
    except OSError:
        return []
    values = {unquote(name.removeprefix(f"{key}=")) for name in names}
    return sorted((value for value in values if re.match(PATTERN, value)), reverse=True)[:_MOST]
