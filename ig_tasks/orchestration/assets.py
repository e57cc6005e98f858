"""The Asset that a published report updates, and the schedule that waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, AssetAny, PartitionedAssetTimetable

from ig_tasks.orchestration.links import page_address

__all__ = ["event_extra", "on_reports", "on_validated", "report_asset", "validated_asset"]


def report_asset(name: str) -> Asset:
    """The Asset `ig://<name>` of the spec called `name`."""
    # Airflow ends the URI with a slash; the name stays as it is, so name and URI are given by one string.
    return Asset(f"ig://{name}")


def validated_asset(name: str) -> Asset:
    """The Asset `ig://<name>/validated`: updated when feature validation has let a report of this spec pass."""
    return Asset(f"ig://{name}/validated")


def on_reports(*names: str) -> PartitionedAssetTimetable:
    """A schedule that starts a run for each report that one of these specs publishes.

    The run's `partition_key` is the report's partition (`all` if its data has none). A plain
    `schedule=[asset]` would never start: Airflow keeps events that have a partition from such DAGs.
    """
    return _on_any([report_asset(name) for name in names])


def on_validated(*names: str) -> PartitionedAssetTimetable:
    """A schedule that starts a run for each report that feature validation lets pass, or a person approves."""
    return _on_any([validated_asset(name) for name in names])


def _on_any(assets: list[Asset]) -> PartitionedAssetTimetable:
    return PartitionedAssetTimetable(assets=assets[0] if len(assets) == 1 else AssetAny(*assets))


def event_extra(ref: Mapping[str, Any]) -> dict[str, Any]:
    """What the Asset's event says of a report: small JSON values only; `address` is where people read it."""
    address = page_address(str(ref.get("page_uri") or ""), str(ref.get("store") or ""))
    keys = ("run_id", "partition", "report_uri", "page_uri", "verdict", "leading", "rows", "completeness", "warnings")
    return {key: ref.get(key) for key in keys} | {"address": address}
