"""Airflow notes the partition on runs that got it by a Param, so that the list of runs tells them apart."""

from ig_tasks.orchestration.notes import RunNotesPlugin

__all__ = ["RunNotesPlugin"]
