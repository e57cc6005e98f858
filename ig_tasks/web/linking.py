"""Links from what a report's templates and charts name to the pages of it."""

from __future__ import annotations

from ig_tasks.charts import Chart
from ig_tasks.web.addresses import Addresses
from ig_tasks.web.dependencies import OpenedRun
from ig_tasks.web.spec_places import name_of

__all__ = ["RunLinks"]


class RunLinks:
    """Where the names of a run's report lead.

    Args:
        to: the addresses of pages.
        run: the run.
        query: what the pages of features take over: target.
    """

    def __init__(self, to: Addresses, run: OpenedRun, **query: str | None) -> None:
        self._to, self._run, self._query = to, run, query
        self._features = {row.feature for row in run.report.importance}
        self._segments = {(row.segment_column, row.segment_level): row.segment for row in run.report.segments}

    def feature(self, name: str) -> str | None:
        """The address of a feature's page; None for what is no feature of the report."""
        if name not in self._features:
            return None
        run = self._run
        return self._to.feature(run.name, run.run_id, name, revision=run.explicit_revision, **self._query)

    def row(self, row_id: str) -> str:
        """The address of a row's page."""
        return self._to.row(self._run.name, self._run.run_id, row_id, revision=self._run.explicit_revision)

    def level(self, column: str | None, level: str) -> str | None:
        """The address of the report for one part of the data; None where the report has none."""
        segment = self._segments.get((column, level), f"{column}={level}" if column else None)
        if segment is None:
            return None
        run = self._run
        return self._to.report(
            run.name, run.run_id, revision=run.explicit_revision, segment=segment, **self._query
        ) + "#importance"  # fmt: skip

    def other_run(self, name: str, run_id: str) -> str | None:
        """The address of another run of the same spec; None if it has no report here."""
        known = any(entry.run_id == run_id for entry in self._run.spec.entries)
        return self._to.report(self._run.name, run_id) if known and name == name_of(self._run.name) else None

    def of(self, chart: Chart) -> dict[str, str]:
        """{label in a chart: where it leads}."""
        addresses = {label: self.feature(name) for label, name in chart.names.items()}
        addresses |= {label: self.level(chart.column, level) for label, level in chart.levels.items()}
        return {label: address for label, address in addresses.items() if address}
