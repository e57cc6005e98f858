"""Pictures of a finished run: of its report and its stored rows; of a row's content and path by explaining it anew."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ig_tasks.charts import Chart
from ig_tasks.charts.axes import unique_labels
from ig_tasks.charts.bars import Bar, size_bars
from ig_tasks.explanations.pictures.many_rows import decision_of
from ig_tasks.explanations.pictures.methods import Pictures
from ig_tasks.explanations.pictures.shown import Shown
from ig_tasks.explanations.stored_rows import joined_rows, shown_rows, stored_place
from ig_tasks.store import RunFolder
from ig_tasks.store.report import Report
from ig_tasks.store.report_units import units_in

__all__ = ["StoredPictures"]

_ROWS = 10_000
"""Rows that a picture of many is made of."""


class StoredPictures(Pictures):
    """The pictures of a run. Those of many rows read at most 10,000, spread evenly over all, and say so.

    `bar` has all rows: it is the report's.
    """

    @property
    @abstractmethod
    def report(self) -> Report:
        """The run's report."""

    @property
    @abstractmethod
    def _verified(self) -> RunFolder:
        """The run's folder, whose files are compared with their digests."""

    @abstractmethod
    def explain(self, row_id: str) -> Any:
        """Compute one row anew."""

    def bar(self, *, top: int = 20) -> Chart:
        """Bars of the mean |attribution| of the `top` features over all rows, with 95 % intervals: the report's."""
        report = self.report
        ranking = report.ranking()
        shown = ranking[:top]
        labels = unique_labels(
            [row.feature for row in shown], {row.feature: report.label(row.feature) for row in shown}
        )
        bars = [Bar(labels[row.feature], row.abs_mean, row.mean, row.abs_mean_ci) for row in shown]
        rows, unsure = report.data.rows_explained, report.completeness.converged_fraction
        notes = [f"The {len(shown)} most important of {len(ranking):,} features."] if len(shown) < len(ranking) else []
        if unsure is not None and unsure < 1:
            notes.append(f"{round((1 - unsure) * rows):,} of {rows:,} rows did not converge.")
        heading = f"{report.name}, {report.partition}: mean |attribution| over {rows:,} rows"
        return replace(size_bars(bars, units_in(report, report.targets[0])), heading=heading, notes=tuple(notes))

    def text(self, row: Any, name: str | None = None) -> Chart:
        """A row's words shaded by their attributions; the row is explained anew. See `Explanation.text`."""
        found: Chart = self._explained(row).text(0, name)
        return found

    def image(self, row: Any, name: str | None = None) -> Chart:
        """A row's image with its mask; the row is explained anew. See `Explanation.image`."""
        found: Chart = self._explained(row).image(0, name)
        return found

    def path(self, row: Any) -> Chart:
        """Output and slope on the way from the baseline; the row is explained anew. See `Explanation.path`."""
        found: Chart = self._explained(row).path(0)
        return found

    def convergence(self, row: Any) -> Chart:
        """Error over gradients spent; the row is explained anew. See `Explanation.convergence`."""
        found: Chart = self._explained(row).convergence(0)
        return found

    def _repr_html_(self) -> str:
        from ig_tasks.explanations.run_overview import run_html

        return run_html(self.report, self._verified.uri, self.bar(top=10))

    def _explained(self, row: Any) -> Any:
        return self.explain(self._row_id(row))

    def _shown(self, picture: str) -> Shown:  # noqa: ARG002 - a run has one output
        return self._stored_rows()

    def _shown_row(self, row: Any, picture: str) -> tuple[Shown, int]:  # noqa: ARG002
        return self._stored_rows(self._row_id(row)), 0

    def _decision_of_several(self, rows: Sequence[Any], top: int) -> Chart:
        shown = joined_rows([self._stored_rows(self._row_id(row)) for row in rows])
        return decision_of(shown, top, list(range(len(shown.names))))

    def _row_id(self, row: Any) -> str:
        if isinstance(row, int | np.integer) and not isinstance(row, bool):
            return stored_place(self._verified, self._files, self.report.targets[0].name, int(row))
        return str(row)

    @property
    def _files(self) -> list[str]:
        return [f"attributions/{name}" for name in self._verified.names("attributions")]

    def _stored_rows(self, row_id: str | None = None) -> Shown:
        report = self.report
        target = report.targets[0]
        labels = {feature.name: report.label(feature.name) for feature in report.features}
        return shown_rows(
            self._verified,
            self._files,
            target=target.name,
            units=units_in(report, target),
            labels=labels,
            most=_ROWS,
            row_id=row_id,
        )
