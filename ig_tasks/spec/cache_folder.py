"""The folder of this machine for what can be had again: copies of remote models, the last good version of a spec."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """$IG_TASKS_CACHE, else ~/.cache/ig_tasks (or under $XDG_CACHE_HOME)."""
    configured = os.environ.get("IG_TASKS_CACHE")
    if configured:
        return Path(configured)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "ig_tasks"
