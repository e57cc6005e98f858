"""The files of a run that its page links to, by their names beside it."""

from __future__ import annotations

from ig_tasks.store.report import Report
from ig_tasks.store.runs import revised

__all__ = ["page_files"]


def page_files(report: Report) -> tuple[tuple[str, str], ...]:
    """(name, what it holds) of each, for links that are relative to the page."""
    files = [
        (revised("report.json", report.revision), "everything that this page says, and more, for programs"),
        ("importance.parquet", "importance of every feature, overall and by segment"),
        ("attributions/", "every row: a Parquet file per shard"),
        ("baseline.parquet", "the baseline"),
        ("spec.yaml", "the spec, with every default"),
        ("manifest.json", "digests, versions, attempts"),
    ]
    if report.data.rows_quarantined:
        files.insert(3, ("quarantine.parquet", "the rows that could not be explained, with the reasons"))
    if report.reasons is not None and report.published:
        names = [revised(f"reasons.{kind}", report.revision) for kind in ("parquet", "csv")]
        files += [(name, "the reasons of every row with an adverse decision") for name in names]
    return tuple(files)
