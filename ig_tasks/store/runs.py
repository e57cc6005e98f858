"""Runs in the store: their folders, the revisions of their reports, and which one is the latest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

import pyarrow as pa

from ig_tasks.errors import DamagedError, ReportError
from ig_tasks.spec.partitions import PartitionOrder, partition_order
from ig_tasks.store.clock import now
from ig_tasks.store.folder import Folder
from ig_tasks.store.manifest import NAME as MANIFEST
from ig_tasks.store.manifest import Manifest
from ig_tasks.store.report import Report
from ig_tasks.store.sealed import DAMAGED, damaged, read_sealed, require_digest, set_aside, write_sealed

LATEST = "latest.json"
NOT_RUNS = {"baselines", "columns", "crossed", "models", "packages", "parity", DAMAGED}


class RunFolder(Folder):
    """The folder of one run."""

    def __init__(self, uri: str, name: str, run_id: str) -> None:
        super().__init__(uri)
        self.name = name
        self.run_id = run_id
        self._digests: Mapping[str, str] = {}

    def checked(self, digests: Mapping[str, str]) -> RunFolder:
        """The same folder, whose files of these digests are compared with them wherever they are read.

        Reading one then raises DamagedError if it is not there, or is not the one with the digest.
        """
        folder = copy(self)  # opened once: to look up a URI's filesystem takes longer than to read a small file
        folder._digests = digests
        return folder

    def digest_of(self, name: str) -> str:
        """The digest that `checked` was given of a file."""
        return self._digests[name]

    def read_bytes(self, name: str) -> bytes:
        """The file's content.

        Raises:
            DamagedError: if its bytes are not those whose digest is known.
        """
        if name not in self._digests:
            return super().read_bytes(name)
        try:
            content = super().read_bytes(name)
        except FileNotFoundError:
            raise damaged(self, name, "it is missing") from None
        require_digest(self, name, content, self._digests[name])
        return content

    @contextmanager
    def opened(self, name: str) -> Iterator[Any]:
        """A readable handle of the file; one with a known digest is read whole and compared first."""
        if name in self._digests:
            # Read whole: the bytes that are compared are those that are used.
            yield pa.BufferReader(self.read_bytes(name))
            return
        with super().opened(name) as handle:
            yield handle

    def revisions(self) -> list[int]:
        """The revisions of the report that are there, in order. A rendering is written once, never over another."""
        numbers = [_revision_of(name) for name in self.names()]
        return sorted(number for number in numbers if number is not None)

    def read_report(self, revision: int | None = None) -> Report:
        """A revision of the report; without one the newest of an official run, else the newest of all.

        Raises:
            ReportError: if it is not there.
        """
        revisions = self.revisions()
        wanted = revisions[::-1] if revision is None else [revision] if revision in revisions else []
        if not wanted:
            raise ReportError(f"{self.uri}: there is no report (run_id {self.run_id}); run the spec first")
        newest = _report_in(self, revised("report.json", wanted[0]))
        if newest.official:
            return newest
        # Trials share the folder of an official run that has the same numbers.
        earlier = (_report_in(self, revised("report.json", number)) for number in wanted[1:])
        return next((report for report in earlier if report.official), newest)

    def read_published(self) -> Report | None:
        """The newest revision that was published of an official run; None where there is none.

        Raises:
            DamagedError: if a revision is not what was written.
        """
        reports = (_report_in(self, revised("report.json", number)) for number in self.revisions()[::-1])
        return next((report for report in reports if report.official and report.published), None)


class Store:
    """A place that holds the runs of many specs."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")

    def name_folder(self, name: str) -> Folder:
        """The folder of all runs of a spec's name."""
        return Folder(f"{self.uri}/{name}")

    def run(self, name: str, run_id: str) -> RunFolder:
        """The folder of one run; nothing is created."""
        return RunFolder(f"{self.uri}/{name}/{run_id}", name, run_id)

    def runs(self, name: str) -> Iterator[RunFolder]:
        """The runs of a spec that have a report, published or withheld, in the order of their ids."""
        for run in _runs_in(self.name_folder(name)):
            if run.revisions():
                yield run

    def latest(self, name: str) -> dict[str, Any] | None:
        """What latest.json says, or None before the first report of this name was published.

        Raises:
            DamagedError: if it is not what was written; the next published report repairs it.
        """
        folder = self.name_folder(name)
        return read_sealed(folder, LATEST, unsealed=True) if folder.exists(LATEST) else None

    def publish(self, run: RunFolder, report: Report) -> bool:
        """Point latest.json at a published report, unless that would move it back. Ad-hoc and withheld ones never are.

        The greatest partition wins, then the later report; returns whether it points there now. Processes that
        publish at the same moment do so one after the other where the store has locks (`Folder.locked`).
        """
        if not (report.official and report.published):
            return False
        entry = _entry(run, report)
        folder = self.name_folder(run.name)
        with folder.locked(LATEST):
            try:
                current = self.latest(run.name)
            except DamagedError as error:
                set_aside(folder, LATEST, error)
                current = self._latest_of_runs(run.name)
                if current is not None:
                    write_sealed(folder, LATEST, current)
            if current is not None and _order(current) > _order(entry):
                return False
            if current is not None and {**current, "published_at": ""} == {**entry, "published_at": ""}:
                return True
            write_sealed(folder, LATEST, entry)
            return True

    def _latest_of_runs(self, name: str) -> dict[str, Any] | None:
        """What latest.json would say, told by the reports that are there; those that cannot be read do not count."""
        entries: list[dict[str, Any]] = []
        for run in self.runs(name):
            for revision in run.revisions():
                with suppress(DamagedError, ReportError):
                    report = run.read_report(revision)
                    entries += [_entry(run, report)] if report.official and report.published else []
        return max(entries, key=_order, default=None)


def _entry(run: RunFolder, report: Report) -> dict[str, Any]:
    """What latest.json says of a report."""
    return {
        "name": run.name,
        "run_id": run.run_id,
        "partition": report.partition,
        "revision": report.revision,
        "created_at": report.created_at.isoformat(),
        "report": run.uri_of(revised("report.json", report.revision)),
        "page": run.uri_of(revised("report.html", report.revision)),
        "published_at": now(),
    }


def _report_in(folder: Folder, name: str) -> Report:
    """A report.json, compared with what the run's manifest says of it; one without a manifest is as it is."""
    return Report.from_json(Manifest(folder).read(name) if folder.exists(MANIFEST) else folder.read_bytes(name))


def revised(name: str, revision: int) -> str:
    """The name of a file in a revision: `report.json`, then `report.r2.json`, `report.r3.json`.

    >>> revised("report.json", 2)
    'report.r2.json'
    """
    stem, _, suffix = name.rpartition(".")
    return name if revision == 1 else f"{stem}.r{revision}.{suffix}"


def _revision_of(name: str) -> int | None:
    if name == "report.json":
        return 1
    parts = name.split(".")
    is_revision = len(parts) == 3 and parts[0] == "report" and parts[2] == "json" and parts[1][1:].isdigit()
    return int(parts[1][1:]) if is_revision else None


def _order(entry: dict[str, Any]) -> tuple[PartitionOrder, str, int]:
    return partition_order(str(entry["partition"])), str(entry["created_at"]), int(entry["revision"])


def locate_report(location: str) -> tuple[Report, str]:
    """The report at a report.json, in a run's folder (as `RunFolder.read_report`), or that a latest.json points to.

    Returns the report and the URI of its report.json.

    Raises:
        ReportError: if there is no report; the message says where it was looked for.
    """
    uri = location.rstrip("/")
    if uri.endswith(".json") and not uri.endswith("/" + LATEST):
        folder, _, name = uri.rpartition("/")
        place = Folder(folder or ".")
        if not place.exists(name):
            raise ReportError(f"{location}: there is no such report; give a report.json or a run's folder")
        return _report_in(place, name), uri
    place = Folder(uri.removesuffix("/" + LATEST))
    if place.exists(LATEST):
        return locate_report(read_sealed(place, LATEST, unsealed=True)["report"])
    run = RunFolder(place.uri, "", place.uri.rsplit("/", 1)[-1])
    revisions = run.revisions()
    if not revisions and _holds_runs(place):
        raise ReportError(
            f"{location}: only ad-hoc runs have a report here, and withheld ones; give the folder of one of them"
        )
    if not revisions:
        raise ReportError(f"{location}: there is no report here; give a report.json, a run's folder or a spec's folder")
    report = run.read_report()
    return report, run.uri_of(revised("report.json", report.revision))


def _holds_runs(place: Folder) -> bool:
    """Whether this is a spec's folder whose runs have reports, none of which latest.json names."""
    return any(run.revisions() for run in _runs_in(place))


def _runs_in(place: Folder) -> Iterator[RunFolder]:
    for name in place.names():
        if name not in NOT_RUNS and not name.endswith(".json"):
            yield RunFolder(place.uri_of(name), place.uri.rsplit("/", 1)[-1], name)
