"""Where a report lies in a store, told by the URI of its file: what tasks hand on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ig_tasks.web.spec_places import SpecPlace, spec_key

__all__ = ["ReportPlace", "place_of", "report_places"]

_FILE = re.compile(r"report(?:\.r([0-9]{1,6}))?\.(?:json|html)")


class ReportPlace(NamedTuple):
    """One revision of a run's report, or the run as such where no report of it is known yet.

    Attributes:
        name: of the spec; its key where a page is asked for it.
    """

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


def report_places(results: Iterable[Any], store: str, others: Iterable[str] = ()) -> list[ReportPlace]:
    """The reports that results of tasks name, each once, in their order.

    Args:
        store: the browser's own.
        others: further stores that it shows: specs there are named by their keys.
    """
    places: dict[ReportPlace, None] = {}
    others = list(others)
    for result in results:
        for value in result if isinstance(result, list) else [result]:
            uri = value.get("page_uri") or value.get("report_uri") if isinstance(value, Mapping) else None
            if not isinstance(uri, str):
                continue
            for candidate in (store, *others):
                if (place := place_of(uri, candidate)) is not None:
                    places[place._replace(name=spec_key(SpecPlace(place.name, candidate), store))] = None
                    break
    return list(places)
