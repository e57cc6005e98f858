"""The index of a store: a table for each spec of what its reports say, so that no page lists the store.

<store>/_index/<name>.json               the table: what all notes of the spec say together
<store>/_index/<name>/<run>.r<n>.<digest>.json   a note: one revision of one run's report

Writers share no file that matters. Each writes a note of its own, whose name is made of its content, and the table is
made of the notes alone, so that any two who gather the same notes write the same table, in any order. A writer gathers,
writes the table, and looks again until no note is new: whoever writes the table last has seen all notes, on any
filesystem that lists a file once it is written. One that is killed in between leaves a table that lacks notes; whoever
writes next, and `ig_tasks.reports.indexing.mend_index` take them in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from ig_tasks.errors import DamagedError
from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import digest_of
from ig_tasks.store.index_entry import ENTRY_VERSION, IndexEntry, order_of
from ig_tasks.store.sealed import read_sealed, write_sealed

__all__ = ["FOLDER", "Index", "IndexTable", "run_id_of_note"]

FOLDER = "_index"
"""No spec's name begins with this letter."""
_SUFFIX = ".json"


@dataclass(frozen=True)
class IndexTable:
    """The reports of one spec.

    Attributes:
        entries: in the order of partition, time and revision; one for each revision of each run.
        notes: the names of the notes it was made of.
    """

    entries: tuple[IndexEntry, ...] = ()
    notes: frozenset[str] = frozenset()

    def has(self, run_id: str, revision: int) -> bool:
        """Whether this revision is in it."""
        return (run_id, revision) in self._revisions

    @cached_property
    def _revisions(self) -> frozenset[tuple[str, int]]:
        return frozenset((entry.run_id, entry.revision) for entry in self.entries)


class Index:
    """The index of the store at a URI; nothing is created before something is written."""

    def __init__(self, store: str) -> None:
        self.folder = Folder(f"{store.rstrip('/')}/{FOLDER}")

    def stamps(self) -> dict[str, str]:
        """{spec: stamp of its table}, by one listing; a stamp changes when its table does.

        Raises:
            RunError: if the store cannot be reached.
        """
        stamps = {}
        for name, info in self.folder.details().items():
            if name.endswith(_SUFFIX) and info.get("type") != "directory":
                stamps[name.removesuffix(_SUFFIX)] = _stamp(info)
        return dict(sorted(stamps.items()))

    def table(self, name: str) -> IndexTable | None:
        """The table of a spec; None where there is none that can be read."""
        document = self._document_of(f"{name}{_SUFFIX}")
        if document is None or not isinstance(document.get("entries"), list):
            return None
        entries = (_entry(written) for written in document["entries"])
        # Who may read this spec is shown what its table says: an entry that leads to another's runs is none of it.
        own = (entry for entry in entries if entry is not None and entry.name == name and _is_segment(entry.run_id))
        return IndexTable(
            tuple(sorted(own, key=order_of)),
            frozenset(map(str, document.get("notes", ()))),
        )

    def notes(self, name: str) -> list[str]:
        """The names of all notes of a spec."""
        return [note for note in self.folder.names(name) if note.endswith(_SUFFIX)]

    def record(self, entry: IndexEntry) -> None:
        """Take a report in, or say anew what is said of it.

        Raises:
            RunError: if the store cannot be written to.
        """
        self.note(entry)
        self.gather(entry.name)

    def note(self, entry: IndexEntry) -> str:
        """Write the note of a report, which `gather` takes into the table; returns its name.

        Raises:
            RunError: if the store cannot be written to.
        """
        written = entry.model_dump(mode="json")
        note = _note_of(written)
        write_sealed(self.folder, f"{entry.name}/{note}", written, indent=None)
        return note

    def gather(self, name: str) -> None:
        """Make the table of all notes there are.

        Entries stay as they were written: another version's keys are handed on.

        Raises:
            RunError: if the store cannot be written to.
        """
        while True:
            document, notes = self._document_of(f"{name}{_SUFFIX}") or {}, sorted(self.notes(name))
            if document.get("notes") == notes:
                return
            known = {_note_of(written): written for written in document.get("entries", ())}
            read = (known.get(note) or self._document_of(f"{name}/{note}") for note in notes)
            entries = _newest(written for written in read if written is not None)
            table = {"version": ENTRY_VERSION, "notes": notes, "entries": entries}
            write_sealed(self.folder, f"{name}{_SUFFIX}", table, indent=None)

    def forget(self, name: str, notes: Iterable[str]) -> None:
        """Remove notes of reports that are there no more; `gather` then leaves them out.

        Raises:
            RunError: if they cannot be removed.
        """
        for note in notes:
            self.folder.remove(f"{name}/{note}")

    def _document_of(self, name: str) -> dict[str, Any] | None:
        """A sealed document, None where there is none that can be read."""
        try:
            return read_sealed(self.folder, name)
        except (FileNotFoundError, DamagedError):
            return None


def _entry(written: Any) -> IndexEntry | None:
    """An entry as this version reads it; None for one of an earlier version, which is made anew of its report."""
    try:
        entry = IndexEntry.model_validate(written)
    except ValidationError:
        return None
    return entry if entry.version >= ENTRY_VERSION else None


def _is_segment(run_id: str) -> bool:
    """Whether it is the name of a folder, and no way to another place."""
    return run_id.strip(".") != "" and "/" not in run_id and "\\" not in run_id


def _note_of(written: Mapping[str, Any]) -> str:
    """The name of the note that holds an entry: the same entry has the same name."""
    digest = digest_of(dict(written)).removeprefix("sha256:")[:12]
    return f"{written.get('run_id')}.r{written.get('revision')}.{digest}{_SUFFIX}"


def run_id_of_note(note: str) -> str:
    """The run that a note is of."""
    return note.rsplit(".", 3)[0]


def _newest(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each revision, whatever the order in which they come."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for written in entries:
        key = (str(written.get("run_id")), str(written.get("revision")))
        known = newest.get(key)
        if known is None or _recency(known) < _recency(written):
            newest[key] = written
    return [newest[key] for key in sorted(newest)]


def _recency(written: Mapping[str, Any]) -> tuple[int, str, str]:
    version = written.get("version")
    return version if isinstance(version, int) else 0, str(written.get("created_at")), _note_of(written)


def _stamp(info: Mapping[str, Any]) -> str:
    """What tells a file's content from the one before, in the words of any filesystem."""
    keys = ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "updated", "created", "ino", "size")
    return "/".join(str(info[key]) for key in keys if info.get(key) is not None)
