"""What the attributions of a report are counted in."""

from __future__ import annotations

from ig_tasks.presentation.units import attribution_units
from ig_tasks.store.report import Report, TargetInfo

__all__ = ["units_in"]


def units_in(report: Report, target: TargetInfo | str | None) -> str:
    """The units of a target's attributions, by the method; the model's own where there is no such target."""
    if not isinstance(target, TargetInfo):
        target = next((known for known in report.targets if known.name == target), None)
    how = report.attribution
    return attribution_units("raw" if target is None else target.space, how.method, how.options)
