"""Which integrator runs: what was asked for, or what fits the model's structure."""

from __future__ import annotations

import math

import numpy as np

from ig_tasks.attribution.integrators.base import Integrator
from ig_tasks.attribution.integrators.exact import EXACT, ExactPiecewiseLinear
from ig_tasks.attribution.integrators.quadrature import AdaptiveSteps, FixedSteps
from ig_tasks.attribution.integrators.rules import RULES, ClenshawCurtis
from ig_tasks.attribution.integrators.secant import FIRST_CELLS, SECANT, AdaptiveCells, SecantCells
from ig_tasks.attribution.structure import PLAIN, Structure
from ig_tasks.errors import InputError, suggest

__all__ = [
    "INTEGRATORS",
    "check_integrator",
    "choose_integrator",
    "exact_may_pay",
    "is_count",
    "proves_nothing",
    "reasoned_integrator",
]

# (tolerance, regions of a typical path) up to which exact integration takes about what cells do, or less: no row has
# fewer than 14 cells, and nets that were never trained need 110 to 230 at 0.1 %, trained ones 17 to 32.
_EXACT_PAYS = ((math.inf, 30.0), (1e-3, 150.0), (3e-4, 250.0), (1e-4, 500.0))
DEFAULT_STEPS = 50  # the field's customary number for a fixed rule
INTEGRATORS = tuple(sorted(("adaptive", "auto", SECANT, EXACT, *RULES)))


def check_integrator(integrator: str | Integrator, steps: int | None, max_evaluations: int) -> None:
    """Raise InputError for settings that fit no model."""
    if isinstance(integrator, Integrator):
        if steps is not None:
            raise InputError(f"steps: '{integrator.name}' has its own; leave them out")
    elif not isinstance(integrator, str) or integrator not in INTEGRATORS:
        raise InputError(
            f"integrator: {integrator!r} is not known{suggest(integrator, INTEGRATORS, noun='integrators')}"
        )
    if not is_count(max_evaluations):
        raise InputError(f"max_evaluations: {max_evaluations!r} is not a whole number, such as 4097")
    if max_evaluations < 5:
        raise InputError(
            f"max_evaluations: {max_evaluations!r} is too few; the first error estimate takes 5 gradient evaluations"
        )
    if steps is not None and (not is_count(steps) or steps < 1):
        raise InputError(f"steps: {steps!r} is not a number of nodes; give a whole number from 1 up")
    if steps is not None and integrator in ("auto", "adaptive", EXACT):
        raise InputError(
            f"steps: '{integrator}' chooses them by row; leave them out, or name a rule such as 'gauss_legendre'"
        )


def proves_nothing(integrator: str, steps: int | None) -> bool:
    """Whether no row can converge by this rule, since it has no error estimate, whatever the model."""
    return integrator in RULES and not (integrator == ClenshawCurtis.name and steps is None)


def choose_integrator(
    integrator: str | Integrator, steps: int | None, max_evaluations: int, structure: Structure = PLAIN
) -> Integrator:
    """The integrator that `integrator` names for a model of this structure.

    Raises:
        InputError: for one that is unknown or not available.
    """
    return reasoned_integrator(integrator, steps, max_evaluations, structure)[0]


def exact_may_pay(integrator: str | Integrator, structure: Structure) -> bool:
    """Whether `auto` wants to know how many regions a path has."""
    return integrator == "auto" and structure.pieces > 1


def reasoned_integrator(
    integrator: str | Integrator,
    steps: int | None,
    max_evaluations: int,
    structure: Structure,
    tolerance: float = 0.01,
    regions: float | None = None,
) -> tuple[Integrator, str]:
    """`choose_integrator`, and why; `regions`: how many the first layer makes of a typical path, if known."""
    check_integrator(integrator, steps, max_evaluations)
    if isinstance(integrator, Integrator):
        return integrator, "asked for"
    most = int(max_evaluations)
    if integrator == EXACT:
        return _exact(structure, most)
    if regions is not None and 4 * regions * structure.pieces <= most and exact_may_pay(integrator, structure):
        expected = regions * (structure.pieces - 1)  # every layer but the last brings about as many
        if any(tolerance <= finest and expected <= worth for finest, worth in _EXACT_PAYS):
            return ExactPiecewiseLinear(structure.pieces, most), (
                f"at a tolerance of {tolerance:g} the linear regions of a typical path, about {expected:.0f}, cost less"
            )
    if integrator == SECANT and not structure.secant:
        because = f" ({structure.reason})" if structure.reason else ""
        raise InputError(
            f"integrator: '{integrator}' cannot be used on this model{because}; use 'auto', or a fixed rule with steps="
        )
    if integrator in ("auto", "adaptive") or (integrator == SECANT and steps is None):
        return _by_structure(structure, most, secant=integrator == SECANT)
    if integrator == SECANT:
        if steps == 1 and not structure.exact:
            raise InputError(
                "steps: one secant cell is DeepLIFT's Rescale rule, not Integrated Gradients; give 2 or more, or none"
            )
        return SecantCells(int(steps or 1), exact=structure.exact), "asked for"
    if integrator == ClenshawCurtis.name and steps is None:
        return AdaptiveSteps(most, ClenshawCurtis(), careful=_may_bend(structure)), "asked for"
    return FixedSteps(RULES[integrator], DEFAULT_STEPS if steps is None else int(steps)), "asked for"


def _exact(structure: Structure, most: int) -> tuple[Integrator, str]:
    if structure.exact:
        return SecantCells(1, exact=True), "asked for; one cell is exact"
    if structure.pieces > 0:
        return ExactPiecewiseLinear(structure.pieces, most), "asked for"
    because = ", ".join(structure.operations) if structure.secant else structure.reason
    raise InputError(
        f"integrator: 'exact' needs a piecewise-linear model{f' ({because})' if because else ''}; "
        "use 'auto', or a fixed rule with steps="
    )


def _by_structure(structure: Structure, most: int, *, secant: bool) -> tuple[Integrator, str]:
    """The adaptive rule that fits the model."""
    names = ", ".join(structure.operations)
    if structure.secant and structure.linear:
        return SecantCells(1, exact=True), "the model is affine: one evaluation is exact"
    if structure.exact:
        return SecantCells(1, exact=True), f"one layer of nonlinear operations ({names}): one cell is exact"
    enough = most >= sum(FIRST_CELLS)
    if secant and not enough:
        raise InputError(
            f"max_evaluations: {most} is too few; the secant rule's first error estimate takes {sum(FIRST_CELLS)}"
        )
    if structure.secant and (secant or (structure.kinked and enough)):
        kind = "operations with kinks" if structure.kinked else "asked for; nonlinear operations"
        return AdaptiveCells(structure, most), f"{kind} ({names})"
    if structure.secant:
        return AdaptiveSteps(most, careful=_may_bend(structure)), (
            f"max_evaluations does not hold two levels of secant cells ({names})"
            if structure.kinked
            else f"smooth operations ({names})"
        )
    return AdaptiveSteps(most, careful=_may_bend(structure)), structure.reason


def _may_bend(structure: Structure) -> bool:
    """Whether there may be kinks that nodes would have to find."""
    return structure.kinked or not structure.secant


def is_count(value: object) -> bool:
    """Whether `value` is a whole number; True and False do not count."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
