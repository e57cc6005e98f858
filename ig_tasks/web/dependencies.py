"""What pages are given: a spec or a run that is in the index and that the asking user may read.

Names from an address are looked up among those that are there, and never joined into a path. What is not there and
what somebody may not see are the same answer.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query
from starlette.requests import Request

from ig_tasks.store import RunFolder
from ig_tasks.store.index_entry import IndexEntry
from ig_tasks.store.report import Report
from ig_tasks.web.access import USER, Access
from ig_tasks.web.addresses import from_segment
from ig_tasks.web.catalogue import Catalogue
from ig_tasks.web.page_errors import PageError

__all__ = [
    "CatalogueOf",
    "FeatureName",
    "OpenedRun",
    "OpenedSpec",
    "RowId",
    "RunOf",
    "SpecOf",
    "catalogue_of",
    "open_run",
    "readable_names",
]

_ABSENT = "There is no such report, or you may not read it."


@dataclass(frozen=True)
class OpenedSpec:
    """A spec that this user may read.

    Attributes:
        name: its key: see `spec_places`.
        entries: its reports, all revisions, in the order of partition, time and revision; not empty.
    """

    name: str
    entries: tuple[IndexEntry, ...]


@dataclass(frozen=True)
class OpenedRun:
    """A run that this user may read, with one revision of its report.

    Attributes:
        name: the key of its spec: see `spec_places`; `report.name` is the spec's own.
    """

    name: str
    run_id: str
    revision: int
    entry: IndexEntry
    spec: OpenedSpec
    folder: RunFolder
    report: Report

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """What tells this report from every other, in any store: pages keep under it what they made of it."""
        return (self.folder.uri, *self.entry.identity)

    @property
    def explicit_revision(self) -> int | None:
        """The revision, for addresses: None where it is the one that is shown without asking for any."""
        default = shown_revision(self.spec.entries, self.run_id)
        return None if default is not None and default.revision == self.revision else self.revision


def catalogue_of(request: Request) -> Catalogue:
    """What is in the store; whoever takes it must ask `readable_names` what may be shown."""
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue


CatalogueOf = Annotated[Catalogue, Depends(catalogue_of)]


def readable_names(request: Request) -> list[str]:
    """The specs that have reports and that this user may read, sorted."""
    access: Access = request.app.state.access
    names = catalogue_of(request).names()
    allowed = access.readable(request.scope["state"][USER], names)
    return [name for name in names if name in allowed]


def open_spec(request: Request, name: str) -> OpenedSpec:
    """A spec by its name.

    Raises:
        PageError: 404 if it is not there, or not for this user.
    """
    access: Access = request.app.state.access
    catalogue = catalogue_of(request)
    if name not in access.readable(request.scope["state"][USER], [name]) or not catalogue.has(name):
        raise PageError(404, _ABSENT)
    entries = catalogue.entries(name)
    if not entries:
        raise PageError(404, _ABSENT)
    return OpenedSpec(name, entries)


def shown_revision(entries: tuple[IndexEntry, ...], run_id: str) -> IndexEntry | None:
    """The revision of a run that is shown where none is asked for: the newest official one, else the newest."""
    revisions = [entry for entry in entries if entry.run_id == run_id]
    official = [entry for entry in revisions if entry.official]
    return max(official or revisions, key=lambda entry: entry.revision, default=None)


def open_run(request: Request, name: str, run_id: str, revision: int | None = None) -> OpenedRun:
    """A run by its name and id; `revision` None: the newest official one, else the newest. Opens its report.

    Raises:
        PageError: 404 if it is not there, or not for this user; 409 if its report is damaged.
    """
    spec = open_spec(request, name)
    default = shown_revision(spec.entries, run_id)
    entry = default
    if revision is not None:
        matches = (
            candidate for candidate in spec.entries if candidate.run_id == run_id and candidate.revision == revision
        )
        entry = next(matches, None)
    if entry is None or default is None:
        raise PageError(404, _ABSENT)
    catalogue = catalogue_of(request)
    if not catalogue.is_there(entry):
        raise PageError(404, _ABSENT)
    # By the index's own words: nothing that was asked for goes into a path.
    folder = catalogue.folder(entry.name, entry.run_id)
    return OpenedRun(entry.name, entry.run_id, entry.revision, entry, spec, folder, catalogue.report(entry))


_Name = Annotated[str, Path(max_length=200)]


def _spec_of(request: Request, name: _Name) -> OpenedSpec:
    return open_spec(request, from_segment(name))


def _run_of(
    request: Request,
    name: _Name,
    run_id: Annotated[str, Path(max_length=1000)],
    revision: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> OpenedRun:
    return open_run(request, from_segment(name), from_segment(run_id), revision)


def _feature_name(feature: Annotated[str, Path(max_length=4000)]) -> str:
    return from_segment(feature)


def _row_id(row_id: Annotated[str, Path(max_length=4000)]) -> str:
    return from_segment(row_id)


SpecOf = Annotated[OpenedSpec, Depends(_spec_of)]
RunOf = Annotated[OpenedRun, Depends(_run_of)]
FeatureName = Annotated[str, Depends(_feature_name)]
"""The name in `/features/{feature}`; it may not be a feature of the report."""
RowId = Annotated[str, Depends(_row_id)]
"""The id in `/rows/{row_id}`; there may be no such row."""
