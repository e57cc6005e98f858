"""Groups of features, as the spec's `features` name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ig_tasks.spec.sections import FeatureSpec

__all__ = ["groups_of"]


def groups_of(features: Sequence[str], presented: Mapping[str, FeatureSpec]) -> dict[str, tuple[str, ...]]:
    """{group: its features}, both in the order of the model's features; a feature without a group is in none."""
    groups: dict[str, tuple[str, ...]] = {}
    for name in features:
        group = presented[name].group if name in presented else None
        if group:
            groups[group] = (*groups.get(group, ()), name)
    return groups
