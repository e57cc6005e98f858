"""The provenance of a run: what it read and wrote, with digests, by which versions, in how many attempts.

Two runs of the same work share a folder, and may run at the same moment. Each note is therefore a file of its own in
`manifest/`, which nobody else writes, and manifest.json is what they say together: a writer takes in every note that
is there, writes manifest.json, and looks again until there is no new one. Whoever writes last has thus seen all of
them, on any filesystem that lists a file once it is written; and a reader takes in what is not yet in it.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import digest_of

NAME = "manifest.json"
NOTES = "manifest"
_PACKAGES = (
    "ig-tasks", "apache-airflow", "dask", "distributed", "torch", "tensorflow", "keras", "numpy", "pandas", "pyarrow",
    "great-expectations", "datasketches",
)  # fmt: skip


class Manifest:
    """The ledger of a run's folder. It is the one file there that grows: each stage and attempt adds to it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.document: dict[str, Any] = folder.read_json(NAME) if folder.exists(NAME) else {}
        self._take_notes()

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write what is known before anything is computed; an existing manifest keeps what it has."""
        document = {**facts, "versions": versions(), "stages": {}, "files": {}, "attempts": []}
        if not self._folder.create_json(NAME, document):
            document = self._folder.read_json(NAME)
        self.document = document
        self._take_notes()

    def record_attempt(self, stage: str, context: Mapping[str, Any]) -> None:
        """Note who runs a stage: the orchestrator's run and try, or the command line."""
        self._note({"attempts": [{"stage": stage, "started_at": now(), **context}]})

    def record_stage(self, stage: str, *, seconds: float, **facts: Any) -> None:
        """Note that a stage is done."""
        self._note({"stages": {stage: {"finished_at": now(), "seconds": round(seconds, 3), **facts}}})

    def record_files(self, contents: Mapping[str, bytes | str]) -> None:
        """Note files by their content (bytes) or by a digest that is known already (text)."""
        digests = {name: digest_of(held) if isinstance(held, bytes) else held for name, held in contents.items()}
        self._note({"files": digests})

    def stage(self, name: str) -> dict[str, Any] | None:
        """What was noted of a stage, or None if it was never finished."""
        found: dict[str, Any] | None = self.document.get("stages", {}).get(name)
        return found

    def _note(self, part: Mapping[str, Any]) -> None:
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}.json"
        self._folder.write_json(f"{NOTES}/{name}", part)
        while self._take_notes():
            self._folder.write_json(NAME, self.document)

    def _take_notes(self) -> bool:
        """Take in the notes that manifest.json does not have yet, by their times; returns whether there were any."""
        taken = self.document.get("notes", [])
        new = sorted(set(self._folder.names(NOTES)) - set(taken))
        for name in new:
            part = self._folder.read_json(f"{NOTES}/{name}")
            self.document.setdefault("stages", {}).update(part.get("stages", {}))
            files = {**self.document.get("files", {}), **part.get("files", {})}
            self.document["files"] = dict(sorted(files.items()))
            attempts = [*self.document.get("attempts", []), *part.get("attempts", [])]
            self.document["attempts"] = sorted(attempts, key=lambda attempt: str(attempt["started_at"]))
        if new:
            self.document["notes"] = sorted([*taken, *new])
        return bool(new)


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
