"""What the last good version of a spec's file said of itself, kept on this machine.

The process that reads DAG files has neither Airflow's database nor a store at hand, and must not do heavy work: a small
file in the cache folder for each spec, written when it changes. It is a help, never needed: where it cannot be written
or read, no report is shown.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from ig_tasks.spec.cache_folder import cache_folder
from ig_tasks.spec.standing import Standing

__all__ = ["last_good", "remember"]


def remember(path: Path, standing: Standing) -> None:
    """Keep what a spec that loads says of itself."""
    try:
        place = _cache_file(path)
        text = standing.model_dump_json()
        if place.is_file() and place.read_text(encoding="utf-8") == text:
            return
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, half = tempfile.mkstemp(dir=place.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(half).replace(place)
    except (OSError, RuntimeError, UnicodeError):
        return  # a full disk, no home: then there is no last version


def last_good(path: Path) -> Standing | None:
    """What the file said when it last loaded on this machine, if that is known."""
    try:
        return Standing.model_validate_json(_cache_file(path).read_text(encoding="utf-8"))
    except (OSError, RuntimeError, UnicodeError, ValidationError):
        return None


def _cache_file(path: Path) -> Path:
    return cache_folder() / "specs" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
