"""The section `reasons` of a spec, held against the model: who was turned down, and what may be a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from ig_tasks.errors import DataError, ModelError, SpecError, suggest
from ig_tasks.models.spaces import converter
from ig_tasks.models.target_config import Target
from ig_tasks.spec import ExplanationSpec
from ig_tasks.spec.feature_groups import groups_of
from ig_tasks.spec.reasons_section import ReasonsSpec
from ig_tasks.spec.uris import without_secrets

__all__ = ["Player", "ReasonRules"]

Floats = NDArray[np.float64]
_PROBES = np.array([0.25, 0.75])
_SIZES = np.geomspace(1e-6, 1e12, 181)
_ANYWHERE = np.unique(np.concatenate([-_SIZES, np.linspace(-1.0, 1.0, 41), _SIZES, 1.0 - _SIZES[_SIZES < 0.1]]))
"""Outputs of any space, in their order."""


class Player(NamedTuple):
    """What may be a reason: a feature, or a group of features whose contributions are added."""

    name: str
    features: tuple[str, ...]
    label: str = ""
    code: str = ""
    text: str = ""

    @property
    def words(self) -> str:
        """What a person reads: the text of the spec, else the name itself, never another's text."""
        return self.text or self.label or self.name


@dataclass(frozen=True)
class ReasonRules:
    """Who was turned down, and what may be a reason.

    Attributes:
        section: the section of the spec.
        target: what is explained, in which space.
        players: what may be a reason, in the order of the model's features.
    """

    section: ReasonsSpec
    target: Target
    players: tuple[Player, ...]

    @classmethod
    def of(cls, section: ReasonsSpec, spec: ExplanationSpec, features: Sequence[str], target: Target) -> ReasonRules:
        """The rules for a model with these features.

        Raises:
            SpecError: if the threshold's space cannot be reached from the one explained, or there are no groups.
            DataError: if a text is of what is neither a feature nor a group.
        """
        rules = cls(section, target, _players(section, spec, features))
        try:
            rules.in_space(_PROBES)
        except ModelError as error:
            raise SpecError(f"reasons.space: {error}") from None
        if rules.space in ("probability", "calibrated") and not 0.0 < section.threshold < 1.0:
            raise SpecError(
                f"reasons.threshold: {section.threshold:g} is not a probability between 0 and 1; the threshold is in "
                f"space {rules.space}, write reasons.space if another is meant"
            )
        return rules

    @property
    def space(self) -> str:
        """The space of the threshold."""
        return self.section.space or self.target.space

    def in_space(self, output: npt.ArrayLike) -> Floats:
        """Outputs (rows,) in the space of the threshold."""
        target = self.target
        return converter(target.name, target.config, target.space, self.space)(np.asarray(output, np.float64))

    def adverse(self, output: Floats) -> NDArray[np.bool_]:
        """Which rows (rows,) were turned down, by their outputs in the space explained. At the threshold a row passes.

        An output that is not a number was not decided on.
        """
        numbers = self.in_space(output)
        return numbers > self.section.threshold if self.section.adverse == "above" else numbers < self.section.threshold

    @cached_property
    def sign(self) -> int:
        """1 where positive attributions push towards the adverse side, else -1."""
        # A calibration may turn the output around, and is flat far from its middle, wherever that is.
        with np.errstate(all="ignore"):
            numbers = self.in_space(_ANYWHERE)
        numbers = numbers[np.isfinite(numbers)]
        rising = -1 if numbers[-1] < numbers[0] else 1
        return rising if self.section.adverse == "above" else -rising


def _players(section: ReasonsSpec, spec: ExplanationSpec, features: Sequence[str]) -> tuple[Player, ...]:
    members: dict[str, tuple[str, ...]] = {}
    groups = groups_of(features, spec.features) if section.by == "groups" else {}
    if section.by == "groups" and not groups:
        raise SpecError("reasons.by: there are no groups; give features a `group`, or write by: features")
    owner = {feature: group for group, features_of_group in groups.items() for feature in features_of_group}
    for feature in features:
        name = owner.get(feature, feature)
        if feature not in owner and name in groups:
            raise SpecError(f"reasons.by: {name!r} is both a group and a feature without one; rename the group")
        members.setdefault(name, groups.get(name, (feature,)))
    for name in section.texts:
        if name not in members:
            noun = "features" if section.by == "features" else "groups"
            hint = suggest(name, members, noun=noun)
            raise DataError(
                without_secrets(f"reasons.texts.{name}: there is no such {noun[:-1]}, so it is never a reason{hint}")
            )
    players = []
    for name, features_of_group in members.items():
        text = section.texts.get(name)
        presented = spec.features.get(name) if name not in groups else None
        label = presented.label or "" if presented else ""
        players.append(Player(name, features_of_group, label, text.code if text else "", text.text if text else ""))
    return tuple(players)
