"""Pairwise interactions of the leading features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution.method_options import MethodOptions
from ig_tasks.attribution.methods.base import MethodResult
from ig_tasks.attribution.methods.described import Described, require_count
from ig_tasks.attribution.methods.integrated_gradients import IntegratedGradients
from ig_tasks.attribution.methods.space import Space
from ig_tasks.attribution.open_model import OpenModel
from ig_tasks.attribution.problem import Problem
from ig_tasks.attribution.result import CONVERGED, MAX_EVALUATIONS
from ig_tasks.attribution.tolerances import Tolerances
from ig_tasks.errors import InputError

__all__ = ["IntegratedHessians"]

Array = npt.NDArray[np.float64]

_CHUNK_ROWS = 1024
_LEVELS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class IntegratedHessians(Described):
    """G_ij: Integrated Gradients of feature i on the Integrated Gradients of feature j.

    Janizek, Sturmfels & Lee 2021, "Explaining Explanations: Axiomatic Feature Interactions for Deep Networks", eq. 5
    and 6. The attributions are Integrated Gradients; `details["interactions"]` (rows, leading, features) has row j of G
    for each of the `details["leading"]` features: what every feature has to do with feature j's attribution. A row of G
    adds up to the attribution of j, and G is symmetric. Both integrals of the paper are one over u = ab with the weight
    -ln u, by Gauss's rule for that weight with 4, 8, ... nodes; second derivatives are central differences of
    gradients. A row is `converged` if its attributions are, and its interactions add up to them within the tolerance.

    A model made of kinked operations (ReLU) has no second derivatives: its rows do not add up, and say so. The paper
    puts softplus in place of ReLU.

    Args:
        leading: how many features, by mean |attribution| over the rows.
    """

    name: ClassVar[str] = "integrated_hessians"

    leading: int = 5

    def __post_init__(self) -> None:
        require_count(self.name, "leading", self.leading)

    def run(self, model: OpenModel, problem: Problem, options: MethodOptions, tolerances: Tolerances) -> MethodResult:
        """Integrated Gradients, then the interactions of the leading features. See `Method`."""
        if len(problem.targets) > 1:
            raise InputError("target: method 'integrated_hessians' explains one output; name it")
        found = IntegratedGradients().run(model, problem, options, tolerances)
        rows = found.rows
        attributions = rows.attributions[0]
        leading = np.argsort(-np.nan_to_num(np.abs(attributions)).mean(axis=0), kind="stable")[: self.leading]
        pairs = np.full((problem.rows, leading.size, problem.features), np.nan)
        for first in range(0, problem.rows, _CHUNK_ROWS):
            some = slice(first, first + _CHUNK_ROWS)
            space = Space(model, problem.take(some), tolerances, options.max_evaluations)
            pairs[some], spent = _interactions(space, leading, attributions[some])
            rows.evaluations[some] += spent
        delta = pairs.sum(axis=2) - attributions[:, leading]
        size = np.abs(attributions).sum(axis=1)
        with np.errstate(invalid="ignore"):
            far = np.abs(delta).sum(axis=1) > tolerances.relative * size + tolerances.absolute
        rows.status[0] = np.where((rows.status[0] == CONVERGED) & far, MAX_EVALUATIONS, rows.status[0])
        named = {"interactions": pairs, "interactions_delta": delta, "leading": leading.tolist()}
        return MethodResult(rows, {**found.details, **named})


def _interactions(space: Space, leading: npt.NDArray[np.intp], attributions: Array) -> tuple[Array, int]:
    """G (rows, leading, features), with as many nodes as its rows need to add up; and the gradients taken."""
    deltas, owners = space.ends - space.starts, _owners(space)
    epsilon = space.model.backend.epsilon
    step, spent = epsilon ** (1.0 / 3.0), 0
    pairs = np.zeros((space.rows, leading.size, space.features))
    for count in _LEVELS:
        nodes, weights = _log_gauss(count)
        pairs[:] = 0.0
        for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
            point = space.starts + node * deltas
            here = space.by_feature(space.gradients(point)[1] * deltas)
            for place, feature in enumerate(leading.tolist()):
                move = np.where(owners == feature, step * deltas, 0.0)
                change = space.gradients(point + move)[1] - space.gradients(point - move)[1]
                pairs[:, place] += weight * node * space.by_feature(change / (2.0 * step) * deltas)
                pairs[:, place, feature] += weight * here[:, feature]
        spent += count * (1 + 2 * leading.size)
        size = np.abs(attributions).sum(axis=1)
        far = np.abs(pairs.sum(axis=2) - attributions[:, leading]).sum(axis=1)
        with np.errstate(invalid="ignore"):
            left = far > 0.5 * space.tolerances.relative * size + space.tolerances.absolute
        if not left.any() or 2 * count * (1 + 2 * leading.size) > space.max_evaluations:
            break
    return pairs, spent


def _owners(space: Space) -> npt.NDArray[np.intp]:
    """The feature (numbers,) that each number of a point belongs to; -1 where it belongs to none."""
    firsts, first = {}, 0
    for name, end in space.problem.endpoints.items():
        firsts[name] = first
        first += math.prod(end.shape[1:])
    feeds = {feed.key: feed for feed in space.model.backend.route.feeds}
    parts = []
    for path, shape in space.shapes.items():
        if path in feeds:
            places = feeds[path].places
            parts.append(np.repeat(places, math.prod(shape) // max(1, places.size)))
        else:
            parts.append(firsts[path] + np.arange(math.prod(shape)))
    return np.concatenate(parts)


@lru_cache(maxsize=8)
def _log_gauss(count: int) -> tuple[Array, Array]:
    """Gauss's rule on [0, 1] for the weight -ln u, exact up to degree 2 count - 1 (Golub & Welsch 1969)."""
    # The weight, discretised finely enough for all products of the polynomials: u = s^4 tames the logarithm.
    inner, shares = np.polynomial.legendre.leggauss(40 * count)
    s = 0.5 * (inner + 1.0)
    places, masses = s**4, 0.5 * shares * 4.0 * s**3 * -4.0 * np.log(s)
    previous, current = np.zeros_like(places), np.full_like(places, 1.0 / np.sqrt(masses.sum()))
    diagonal, beside = np.empty(count), np.zeros(count)
    for degree in range(count):  # Stieltjes: polynomials that are orthonormal under the weight
        diagonal[degree] = (masses * places * current**2).sum()
        following = (places - diagonal[degree]) * current - (beside[degree - 1] * previous if degree else 0.0)
        beside[degree] = np.sqrt((masses * following**2).sum())
        previous, current = current, following / beside[degree]
    jacobi = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    nodes, vectors = np.linalg.eigh(jacobi)
    return nodes, masses.sum() * vectors[0] ** 2
