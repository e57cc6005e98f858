"""The pictures as methods: the same for an explanation in memory and for a run in the store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ig_tasks.charts import Chart
from ig_tasks.errors import InputError
from ig_tasks.explanations.pictures.by_value import dependence_of, groups_by
from ig_tasks.explanations.pictures.many_rows import bar_of, beeswarm_of, cohorts_of, decision_of, heatmap_of
from ig_tasks.explanations.pictures.one_row import force_of, waterfall_of
from ig_tasks.explanations.pictures.shown import Shown

__all__ = ["Pictures"]


class Pictures(ABC):
    """Each method gives a `Chart`: a notebook shows it, `.save("chart.png")` writes it, `.table` has its figures.

    A row is named by its place (a whole number) or its label (a string): of a table's index, the id of a run's row.
    Orange raises the output and blue lowers it. Rows that did not converge are marked, and counted in a note; rows
    without attributions are left out, and so is what is too much to draw, both with a note.
    """

    @abstractmethod
    def _shown(self, picture: str) -> Shown:
        """All rows, of one output. Raises InputError where there are several."""

    @abstractmethod
    def _shown_row(self, row: Any, picture: str) -> tuple[Shown, int]:
        """Rows among which one is, and its place. Raises InputError for a row that is not there."""

    def waterfall(self, row: Any, *, top: int = 10) -> Chart:
        """From the output at the baseline to the row's, a bar for each of the `top` features, then the rest together.

        Raises:
            InputError: for a row that is not there or has no attributions.
        """
        shown, place = self._shown_row(row, "waterfall")
        return waterfall_of(shown, place, top)

    def force(self, row: Any, *, top: int = 10) -> Chart:
        """What pushes the row's output up, side by side, against what pushes it down.

        Raises:
            InputError: for a row that is not there or has no attributions.
        """
        shown, place = self._shown_row(row, "force")
        return force_of(shown, place, top)

    def decision(self, rows: Any = None, *, top: int = 20) -> Chart:
        """A line for each row from the output at the baseline to its own, feature by feature.

        Args:
            rows: one row, or several; None: all, spread evenly where there are more than 200.
            top: features; the rest together are the first step.

        Raises:
            InputError: for a row that is not there or has no attributions.
        """
        if rows is None:
            return decision_of(self._shown("decision"), top, None)
        several = list(rows) if isinstance(rows, Sequence) and not isinstance(rows, str) else None
        if several is None and hasattr(rows, "tolist"):
            listed = rows.tolist()
            several = listed if isinstance(listed, list) else None
        if several is None:
            shown, place = self._shown_row(rows, "decision")
            return decision_of(shown, top, [place])
        if not several:
            raise InputError("decision: rows is empty; name rows, or leave it out for all of them")
        return self._decision_of_several(several, top)

    def _decision_of_several(self, rows: list[Any], top: int) -> Chart:
        places = [self._shown_row(row, "decision")[1] for row in rows]
        return decision_of(self._shown("decision"), top, places)

    def bar(self, *, top: int = 20) -> Chart:
        """Bars of the mean |attribution| of the `top` features over the rows, with 95 % intervals."""
        return bar_of(self._shown("bar"), top)

    def beeswarm(self, *, top: int = 10) -> Chart:
        """A point for each row and feature at its attribution, the darker the greater the feature's value."""
        return beeswarm_of(self._shown("beeswarm"), top)

    def heatmap(self, *, top: int = 20) -> Chart:
        """Rows across, ordered by their outputs, and features down, shaded by the attributions."""
        return heatmap_of(self._shown("heatmap"), top)

    def dependence(self, feature: Any) -> Chart:
        """The attributions of a feature over its values: dots and bands of a number, bars of categories.

        Raises:
            InputError: for a feature that is not there, or whose values are not known.
        """
        return dependence_of(self._shown("dependence"), feature)

    def cohorts(self, by: Any, *, top: int = 10) -> Chart:
        """Bars of the mean |attribution| in each of up to five groups of rows, with 95 % intervals.

        Args:
            by: a feature (its categories, or the quarters of a number); labels of all rows; or {name: mask or places}.
            top: features.

        Raises:
            InputError: for what divides no rows.
        """
        shown = self._shown("cohorts")
        groups, notes = groups_by(shown, by)
        return cohorts_of(shown, groups, top, notes)
