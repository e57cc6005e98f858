"""The provenance of a run: what it read and wrote, with digests, by which versions, in how many attempts.

Two runs of the same work share a folder, and may run at the same moment. Each note is therefore a file of its own in
`manifest/`, which nobody else writes, and manifest.json is what they say together: a writer takes in every note that
is there, writes manifest.json, and looks again until there is no new one. Whoever writes last has thus seen all of
them, on any filesystem that lists a file once it is written; and a reader takes in what is not yet in it.

All of them are sealed. The first note holds what the run began with, so that manifest.json can be made of the notes
alone: a damaged one costs nothing, and a damaged note nothing that manifest.json has already.
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
import uuid
from collections.abc import Mapping
from typing import Any

from ig_tasks.errors import DamagedError
from ig_tasks.store.clock import now
from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import digest_of
from ig_tasks.store.sealed import (
    Say,
    create_sealed,
    damaged,
    read_sealed,
    require_digest,
    set_aside,
    write_sealed,
)  # fmt: skip

NAME = "manifest.json"
NOTES = "manifest"
_BEGUN = "begun"
"""The key of what a run began with, in the note that holds it."""
_PACKAGES = (
    "ig-tasks", "apache-airflow", "dask", "distributed", "torch", "tensorflow", "keras", "numpy", "pandas", "pyarrow",
    "great-expectations",
)  # fmt: skip


class Manifest:
    """The ledger of a run's folder. It is the one file there that grows: each stage and attempt adds to it.

    Raises:
        DamagedError: if manifest.json is damaged, and there are no notes of which it could be made.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.damage: dict[str, DamagedError] = {}
        """{name: what is wrong with it} of manifest.json and its notes."""
        self._began = False
        self.document: dict[str, Any] = self._read(NAME) or {}
        self._take_notes()
        if NAME in self.damage and not self._began:
            raise self.damage[NAME]

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write what is known before anything is computed; an existing manifest keeps what it has."""
        begun = {**facts, "versions": versions()}
        document = {**begun, "stages": {}, "files": {}, "attempts": []}
        if create_sealed(self._folder, NAME, document):
            self.document = document
            self._note({_BEGUN: begun})
            return
        self.document = self._read(NAME) or {}
        self._take_notes()

    def mend(self, say: Say) -> None:
        """Set aside what is damaged, and write manifest.json anew of what is left."""
        for name, why in self.damage.items():
            say(set_aside(self._folder, name, why))
        if NAME in self.damage:
            write_sealed(self._folder, NAME, self.document)
        self.damage = {}

    def record_attempt(self, stage: str, context: Mapping[str, Any]) -> None:
        """Note who runs a stage: the orchestrator's run and try, or the command line."""
        self._note({"attempts": [{"stage": stage, "started_at": now(), **context}]})

    def record_stage(self, stage: str, *, seconds: float, **facts: Any) -> None:
        """Note that a stage is done."""
        self._note({"stages": {stage: {"finished_at": now(), "seconds": round(seconds, 3), **facts}}})

    def record_files(self, contents: Mapping[str, bytes | str]) -> None:
        """Note files by their content (bytes) or by a digest that is known already (text)."""
        digests = {
            name: digest_of(content) if isinstance(content, bytes) else content for name, content in contents.items()
        }
        self._note({"files": digests})

    def stage(self, name: str) -> dict[str, Any] | None:
        """What was noted of a stage, or None if it was never finished."""
        notes: dict[str, Any] | None = self.document.get("stages", {}).get(name)
        return notes

    def read(self, name: str, *, known: bool = False) -> bytes:
        """The content of a file, compared with what was noted of it; one of which nothing was noted is as it is.

        Args:
            known: refuse one of which nothing was noted.

        Raises:
            DamagedError: if the file is not there, or its bytes were never noted under its name.
        """
        noted = self.document.get("files", {}).get(name)
        try:
            content = self._folder.read_bytes(name)
        except FileNotFoundError:
            raise damaged(self._folder, name, "it is missing") from None
        if noted is None and known:
            raise damaged(self._folder, name, "the manifest knows nothing of it")
        if noted is not None and digest_of(content) not in {noted, *self._noted_digests(name, content)}:
            require_digest(self._folder, name, content, noted)
        return content

    def _noted_digests(self, name: str, content: bytes) -> set[str]:
        """All digests that were noted of a file: two who write it at one moment note one each."""
        if digest_of(content) == self.document["files"][name]:
            return set()
        self._take_notes()
        notes = (self._read(f"{NOTES}/{note}") or {} for note in self._folder.names(NOTES))
        return {note["files"][name] for note in notes if name in note.get("files", {})}

    def _note(self, part: Mapping[str, Any]) -> None:
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}.json"
        write_sealed(self._folder, f"{NOTES}/{name}", part)
        while self._take_notes():
            write_sealed(self._folder, NAME, self.document)

    def _take_notes(self) -> bool:
        """Take in the notes that manifest.json does not have yet, by their times; returns whether there were any."""
        known = self.document.get("notes", [])
        parts: dict[str, dict[str, Any]] = {}
        for name in sorted(set(self._folder.names(NOTES)) - set(known)):
            part = self._read(f"{NOTES}/{name}")
            if part is not None:
                parts[name] = part
        for part in parts.values():
            if _BEGUN in part:
                self._began = True
                self.document = {**part[_BEGUN], **self.document}
            self.document.setdefault("stages", {}).update(part.get("stages", {}))
            files = {**self.document.get("files", {}), **part.get("files", {})}
            self.document["files"] = dict(sorted(files.items()))
            attempts = [*self.document.get("attempts", []), *part.get("attempts", [])]
            self.document["attempts"] = sorted(attempts, key=lambda attempt: str(attempt["started_at"]))
        if parts:
            self.document["notes"] = sorted([*known, *parts])
        return bool(parts)

    def _read(self, name: str) -> dict[str, Any] | None:
        """A file of the manifest; None if it is not there, or damaged, which is remembered."""
        try:
            return read_sealed(self._folder, name, unsealed=True)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            self.damage[name] = error
            return None


def versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that shape a run's numbers."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
