"""What the page and the terminal show of the quality of the explanations."""

from __future__ import annotations

from typing import NamedTuple

from ig_tasks.presentation.quality_measures import MEASURES, MeasureWords, figure_words
from ig_tasks.store.report import Report
from ig_tasks.store.report_explanation_quality import ExplanationFigure

__all__ = ["MeasureView", "explanation_lines", "explanation_views"]


class MeasureView(NamedTuple):
    """A measure: its words, and its figures."""

    words: MeasureWords
    figures: tuple[ExplanationFigure, ...]


def explanation_views(report: Report) -> tuple[MeasureView, ...]:
    """The measures that a report has, in the order in which they are told; those of a later version are left out."""
    found = report.explanation_quality
    if found is None:
        return ()
    views = (
        MeasureView(words, tuple(figure for figure in found.figures if figure.measure == name))
        for name, words in MEASURES.items()
    )
    return tuple(view for view in views if view.figures)


def explanation_lines(report: Report) -> list[str]:
    """The figures that stand for themselves, in a line; nothing where the spec asked for none."""
    found = report.explanation_quality
    if found is None:
        return []
    if found.why_not:
        return [f"Quality of the explanations: not measured. {found.why_not}"]
    shown = [figure_words(figure) for view in explanation_views(report) for figure in view.figures if not figure.of]
    last = [figure for figure in found.figures if figure.measure == "randomised"][-1:]
    shown += [f"{MEASURES['randomised'].title}: {figure.value:.2g}" for figure in last if figure.value is not None]
    return [f"Quality of the explanations: {'; '.join(shown)}."] if shown else []
