"""What the page draws of the model's quality: predictions against outcomes."""

from __future__ import annotations

from ig_tasks.charts import Chart
from ig_tasks.charts.calibration_curve import Tenth, calibration_points
from ig_tasks.presentation.units import units
from ig_tasks.store.report import Report
from ig_tasks.store.report_quality import Quality

__all__ = ["calibration_charts"]


def calibration_charts(report: Report) -> tuple[Chart | None, ...]:
    """A chart for each target whose outcomes are known, in their order; None where there is no table to draw."""
    return tuple(_chart(quality) for quality in report.quality)


def _chart(quality: Quality) -> Chart | None:
    tenths = [
        Tenth(part.predicted, part.observed, part.rows)
        for part in quality.calibration
        if part.predicted is not None and part.observed is not None
    ]
    return calibration_points(tenths, units(quality.space)) if len(tenths) > 1 else None
