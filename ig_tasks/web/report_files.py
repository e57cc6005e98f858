"""Where a report lies in a store, told by the URI of its file: what tasks hand on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["ReportPlace", "place_of", "report_places"]

_FILE = re.compile(r"report(?:\.r([0-9]{1,6}))?\.(?:json|html)")


class ReportPlace(NamedTuple):
    """One revision of a run's report, or the run as such where no report of it is known yet."""

    name: str
    run_id: str
    revision: int | None


def place_of(uri: str, store: str) -> ReportPlace | None:
    """The place of a report.json or report.html; None for a file elsewhere.

    >>> place_of("s3://runs/loans/2013-10-0123456789ab/report.r2.html", "s3://runs/")
    ReportPlace(name='loans', run_id='2013-10-0123456789ab', revision=2)
    """
    within = f"{store.rstrip('/')}/"
    parts = uri.removeprefix(within).split("/") if uri.startswith(within) else []
    if len(parts) != 3 or not all(parts):
        return None
    match = _FILE.fullmatch(parts[2])
    return None if match is None else ReportPlace(parts[0], parts[1], int(match[1] or 1))


def report_places(results: Iterable[Any], store: str) -> list[ReportPlace]:
    """The reports that results of tasks name, each once, in their order."""
    places: dict[ReportPlace, None] = {}
    for result in results:
        for value in result if isinstance(result, list) else [result]:
            uri = value.get("page_uri") or value.get("report_uri") if isinstance(value, Mapping) else None
            place = place_of(uri, store) if isinstance(uri, str) else None
            if place is not None:
                places[place] = None
    return list(places)
