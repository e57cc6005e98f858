"""Pages whose charts are not drawn, for tests in which a page's charts are not the subject."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ig_tasks.charts.chart import Chart
from ig_tasks.presentation.visible import visible

__all__ = ["charts_undrawn"]


@contextmanager
def charts_undrawn() -> Iterator[None]:
    """Charts are empty pictures with their words: drawing them takes half the time of a small run."""

    def empty(chart: Chart, *, dark: bool = False) -> str:
        return f'<svg class="chart" role="img" aria-label="{html.escape(visible(chart.words))}"></svg>'

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Chart, "svg", empty)
        yield
