"""The provenance of a run: what it read and wrote, with digests, by which versions, in how many attempts."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import digest_of

NAME = "manifest.json"
_PACKAGES = (
    "ig-tasks", "apache-airflow", "dask", "distributed", "torch", "tensorflow", "keras", "numpy", "pandas", "pyarrow",
    "great-expectations", "datasketches",
)  # fmt: skip


class Manifest:
    """The ledger of a run's folder. It is the one file there that grows: each stage and attempt adds to it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.document: dict[str, Any] = folder.read_json(NAME) if folder.exists(NAME) else {}

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write what is known before anything is computed; an existing manifest keeps what it has."""
        self.document = {**facts, "versions": versions(), "stages": {}, "files": {}, "attempts": []} | self.document
        self._save()

    def record_attempt(self, stage: str, context: Mapping[str, Any]) -> None:
        """Note who runs a stage: the orchestrator's run and try, or the command line."""
        self.document.setdefault("attempts", []).append({"stage": stage, "started_at": now(), **context})
        self._save()

    def record_stage(self, stage: str, *, seconds: float, **facts: Any) -> None:
        """Note that a stage is done."""
        self.document.setdefault("stages", {})[stage] = {"finished_at": now(), "seconds": round(seconds, 3), **facts}
        self._save()

    def record_files(self, contents: Mapping[str, bytes | str]) -> None:
        """Note files by their content (bytes) or by a digest that is known already (text)."""
        files = self.document.setdefault("files", {})
        for name, content in contents.items():
            files[name] = digest_of(content) if isinstance(content, bytes) else content
        self.document["files"] = dict(sorted(files.items()))
        self._save()

    def stage(self, name: str) -> dict[str, Any] | None:
        """What was noted of a stage, or None if it was never finished."""
        found: dict[str, Any] | None = self.document.get("stages", {}).get(name)
        return found

    def _save(self) -> None:
        self._folder.write_json(NAME, self.document)


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that shape a run's numbers."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
