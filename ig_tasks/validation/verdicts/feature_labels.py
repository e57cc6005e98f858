"""What people call a feature, in the sentences of verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ig_tasks.spec import FeatureSpec

__all__ = ["UNNAMED", "Presented", "label_of"]

Presented = Mapping[str, FeatureSpec]
"""{feature: what the spec says of it}"""

UNNAMED: Presented = MappingProxyType({})
"""Of a spec that says nothing of features: they go by their own names."""


def label_of(presented: Presented, name: str) -> str:
    """The label of the spec, else the feature's own name."""
    return (presented[name].label if name in presented else None) or name
