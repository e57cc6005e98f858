"""The checks of an explanation by name, each over a subject."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.methods import METHODS, choose_method
from ig_tasks.attribution.quality.figures import Figure, mean_figure, ratio_figure, sparseness, spearman
from ig_tasks.attribution.quality.foretelling import curves, infidelity, order_of, random_order, random_sets
from ig_tasks.attribution.quality.measured import Measured, Measures
from ig_tasks.attribution.quality.randomising import randomised_models
from ig_tasks.attribution.quality.sensitivity import max_sensitivity, moved_at_random
from ig_tasks.attribution.quality.subject import Starts, Subject
from ig_tasks.errors import InputError, ResourceError, UserError, WorkerLostError, brief, suggest

__all__ = ["CHECKS", "QualityOptions", "measure"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class QualityOptions:
    """How an explanation is judged.

    Args:
        checks: names of CHECKS.
        draws: random choices of features, and random moves of the inputs, per row.
        radius: how far numbers are moved, in their `scale`.
        scale: {input of numbers: one unit of each of its numbers}.
        points: steps of a curve.
        layers: steps in which the model is randomised.
        methods: names of methods that are compared; None: all that need nothing but their name.
        baselines: {name: baselines} that are compared, each made when it is asked for.
        clusters: (rows,) numbers of groups of rows that are not independent, -1 where unknown.
        seed: of every draw.
    """

    checks: Sequence[str] = ()
    draws: int = 10
    radius: float = 0.02
    scale: Mapping[str, Floats] = field(default_factory=dict)
    points: int = 20
    layers: int = 8
    methods: Sequence[str] | None = None
    baselines: Mapping[str, Callable[[], Starts]] = field(default_factory=dict)
    clusters: npt.NDArray[np.int64] | None = None
    seed: int = 0


def measure(subject: Subject, options: QualityOptions) -> Measures:
    """Carry out the checks; one that a model does not allow is set aside with the reason.

    Raises:
        InputError: for a check that is not known.
        ResourceError: where the memory is too small.
    """
    for name in options.checks:
        if name not in CHECKS:
            raise InputError(f"checks: {name!r} is not known{suggest(str(name), CHECKS, noun='checks')}")
    figures: list[Measured] = []
    aside: dict[str, str] = {}
    for name in dict.fromkeys(options.checks or CHECKS):
        try:
            for found in CHECKS[name](subject, options):
                if isinstance(found, Measured):
                    figures.append(found)
                else:
                    aside[f"{name}: {found[0]}"] = found[1]
        except (ResourceError, WorkerLostError):
            raise
        except UserError as error:
            aside[name] = brief(error)
    return Measures(subject.rows, tuple(figures), aside)


Found = Iterator[Measured | tuple[str, str]]
"""Figures; or what could not be found, and why."""


def _measured(name: str, figure: Figure, of: str = "", chance: float | None = None) -> Measured:
    return Measured(name, figure.value, figure.se, figure.rows, of, chance)


def _infidelity(subject: Subject, options: QualityOptions) -> Found:
    sets = list(random_sets(subject.rows, subject.features, options.draws, options.seed))
    foretold = [(subject.attributions * chosen).sum(axis=1) for chosen in sets]
    changes = [subject.output - output for output in subject.without(sets)]
    errors, sizes = infidelity(foretold, changes)
    yield _measured("infidelity", mean_figure(errors, options.clusters))
    yield _measured("unforetold", ratio_figure(errors, sizes, options.clusters), chance=1.0)


def _sensitivity(subject: Subject, options: QualityOptions) -> Found:
    if not options.scale:
        raise InputError("no input holds numbers that could be moved a little")

    def explained(arrays: Mapping[str, npt.NDArray[Any]]) -> Floats:
        parts = subject.explain(arrays=arrays)
        return np.concatenate([part.reshape(len(part), -1) for part in parts.values()], axis=1)

    moves = moved_at_random(
        subject.inputs.arrays, options.scale, radius=options.radius, draws=options.draws, seed=options.seed
    )
    found = max_sensitivity(explained, subject.inputs.arrays, moves)
    yield _measured("max_sensitivity", mean_figure(found, options.clusters))


def _curves(subject: Subject, options: QualityOptions) -> Found:
    effect = subject.output - subject.baseline_output
    ordered = curves(subject.without, order_of(subject.attributions, effect), options.points)
    random = random_order(subject.rows, subject.features, np.random.default_rng(options.seed))
    at_random = curves(subject.without, random, options.points)
    way, size = np.where(effect < 0, -1.0, 1.0), np.abs(effect)
    for name, area, by_chance in (
        ("insertion", ordered.insertion_area, at_random.insertion_area),
        ("deletion", ordered.deletion_area, at_random.deletion_area),
    ):
        chance = ratio_figure(way * (by_chance - subject.baseline_output), size).value
        own = ratio_figure(way * (area - subject.baseline_output), size, options.clusters)
        yield _measured(name, own, chance=chance)


def _sparseness(subject: Subject, options: QualityOptions) -> Found:
    yield _measured("sparseness", mean_figure(sparseness(subject.attributions), options.clusters))


def _randomisation(subject: Subject, options: QualityOptions) -> Found:
    _require_several_features(subject)
    for names, model in randomised_models(subject.model, most=options.layers, seed=options.seed):
        other = subject.by_feature(subject.explain(model=model, starts=subject.place(model)))
        shown = ", ".join(name or "the model's own" for name in names)
        signed, sizes = spearman(subject.attributions, other), spearman(np.abs(subject.attributions), np.abs(other))
        yield _measured("randomised", mean_figure(signed, options.clusters), shown, chance=0.0)
        yield _measured("randomised_sizes", mean_figure(sizes, options.clusters), shown)


def _methods(subject: Subject, options: QualityOptions) -> Found:
    _require_several_features(subject)
    own = choose_method(subject.options.method).name
    for name in options.methods if options.methods is not None else _methods_by_themselves():
        if name != own:
            yield _agreement("methods", name, subject, options, partial(subject.explain, method=name))


def _methods_by_themselves() -> Iterator[str]:
    """Methods that need nothing but their name."""
    for name in METHODS:
        with suppress(InputError):
            choose_method(name)
            yield name


def _baselines(subject: Subject, options: QualityOptions) -> Found:
    _require_several_features(subject)
    for name, starts in options.baselines.items():
        yield _agreement("baselines", name, subject, options, partial(_from, subject, starts))


def _from(subject: Subject, starts: Callable[[], Starts]) -> dict[str, Floats]:
    return subject.explain(starts=starts())


def _agreement(
    measure: str, of: str, subject: Subject, options: QualityOptions, explain: Callable[[], dict[str, Floats]]
) -> Measured | tuple[str, str]:
    """How alike both rank the features of a row; or why the other explanation cannot be had."""
    try:
        other = subject.by_feature(explain())
    except (ResourceError, WorkerLostError):
        raise
    except UserError as error:
        return of, brief(error)
    alike = spearman(np.abs(subject.attributions), np.abs(other))
    return _measured(measure, mean_figure(alike, options.clusters), of)


def _require_several_features(subject: Subject) -> None:
    if subject.features < 3:  # of two, ranks are alike or reversed
        raise InputError("two features, or one, have no ranking that could be compared")


CHECKS: Mapping[str, Callable[[Subject, QualityOptions], Found]] = {
    "infidelity": _infidelity,
    "sensitivity": _sensitivity,
    "curves": _curves,
    "sparseness": _sparseness,
    "randomisation": _randomisation,
    "methods": _methods,
    "baselines": _baselines,
}
"""{name: check}, in the order in which they are told."""
