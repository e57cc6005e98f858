"""Methods with parameters: what is known of them, and how a spec and a result write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.errors import InputError
from ig_tasks.presentation.methods import MethodFacts, method_facts

if TYPE_CHECKING:
    from ig_tasks.attribution.methods.call import Call
    from ig_tasks.attribution.result import AttributionResult

__all__ = ["Described", "require_count", "require_one_of", "require_share"]


@dataclass(frozen=True)
class Described:
    """A method and its parameters, in the terms of its paper."""

    name: ClassVar[str]

    @property
    def facts(self) -> MethodFacts:
        """The citation, and what of the numbers is proven."""
        return method_facts(self.name)

    @property
    def needs_baseline(self) -> bool:
        """Whether the attributions depend on the baseline."""
        return True

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters that are not as the class has them, as JSON values."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if value != default:
                value = value.written if isinstance(value, Described) else value
                found[field.name] = list(value) if isinstance(value, tuple) else value
        return found

    @property
    def written(self) -> Any:
        """The method as people write it: its name, or {"name": ..., parameter: ...}."""
        return {"name": self.name, **self.parameters} if self.parameters else self.name

    def explain(self, call: Call) -> AttributionResult:
        """Attributions of all rows of a call: by `run` from each baseline, averaged."""
        return call.average(list(call.each(self)), call.shares)

    def run(
        self,
        model: OpenModel,  # noqa: ARG002 - a method of several baselines has no use for one
        problem: Problem,  # noqa: ARG002
        options: MethodOptions,  # noqa: ARG002
        tolerances: Tolerances,  # noqa: ARG002
    ) -> MethodResult:
        """From one baseline. See `Method`."""
        raise InputError(f"method: '{self.name}' is not of one baseline; use `attribute_by_method`, or `explain`")


def require_count(method: str, field: str, value: object, least: int = 1) -> None:
    """Raise InputError for anything but a whole number from `least` up."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"method '{method}': {field} {value!r} is not a whole number from {least} up")


def require_share(method: str, field: str, value: object, *, zero: bool = False) -> None:
    """Raise InputError for anything but a number above 0 (from 0 on if `zero`) and at most 1."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not (0.0 <= value <= 1.0) or (value == 0.0 and not zero):  # type: ignore[operator]
        raise InputError(f"method '{method}': {field} {value!r} is not a share {'from' if zero else 'above'} 0 to 1")


def require_one_of(method: str, field: str, value: object, known: Sequence[str]) -> None:
    """Raise InputError for a value that is not among the known ones."""
    if value not in known:
        raise InputError(f"method '{method}': {field} {value!r} is not one of {', '.join(known)}")
