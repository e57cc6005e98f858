"""The explanation spec: what to explain, on which data, how often, and when to believe it.

Imports pydantic and yaml only, since every DAG file that Airflow parses comes through here.
"""

from ig_tasks.spec.baseline import BaselineSpec
from ig_tasks.spec.check_sections import (
    CompletenessCheck,
    ConvergedCheck,
    ParityCheck,
    QuarantinedCheck,
    Severity,
    UnknownCheck,
    ValidationSpec,
)
from ig_tasks.spec.drift_section import DriftSpec
from ig_tasks.spec.loading import load_for_run, load_spec
from ig_tasks.spec.overrides import Override
from ig_tasks.spec.partitions import format_partition, select_partitions
from ig_tasks.spec.schema import json_schema
from ig_tasks.spec.sections import (
    AttributionSpec,
    ComputeSpec,
    DataSpec,
    FeatureSpec,
    ModelSpec,
    Origin,
    ReportSpec,
    ScheduleSpec,
)
from ig_tasks.spec.specification import ExplanationSpec

__all__ = [
    "AttributionSpec",
    "BaselineSpec",
    "CompletenessCheck",
    "ComputeSpec",
    "ConvergedCheck",
    "DataSpec",
    "DriftSpec",
    "ExplanationSpec",
    "FeatureSpec",
    "ModelSpec",
    "Origin",
    "Override",
    "ParityCheck",
    "QuarantinedCheck",
    "ReportSpec",
    "ScheduleSpec",
    "Severity",
    "UnknownCheck",
    "ValidationSpec",
    "format_partition",
    "json_schema",
    "load_for_run",
    "load_spec",
    "select_partitions",
]
