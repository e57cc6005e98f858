"""Reports in the formats of other systems, by name."""

from ig_tasks.reports.exporters.formats import FORMATS, export_text

__all__ = ["FORMATS", "export_text"]
