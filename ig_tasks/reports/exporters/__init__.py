"""Reports in the formats of other systems, by name."""

from ig_tasks.reports.exporters.exporting import FORMATS, export_text

__all__ = ["FORMATS", "export_text"]
