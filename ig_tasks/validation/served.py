"""Parity with the served model: what both gave for a sample of rows, judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ig_tasks.errors import ModelError, SpecError
from ig_tasks.models.spaces import converter
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.stages.run_reference import ComparedFacts
from ig_tasks.store import Store, read_sealed
from ig_tasks.store.report import Check
from ig_tasks.validation.shard_values import Predicted, parity_error
from ig_tasks.validation.shares import all_but

__all__ = ["NAME", "called_check", "predicted_of", "served_check"]

NAME = "parity_served"


def predicted_of(spec: ExplanationSpec, facts: PlanFacts) -> Predicted | None:
    """How outputs are told in the space of the stored predictions, where that is another one.

    Raises:
        SpecError: if outputs cannot be told in the space that the spec names.
    """
    target = facts.target(spec)
    space = spec.validation.parity.space or target.space
    if spec.data.prediction is None or space == target.space:
        return None
    try:
        return Predicted(space, converter(target.name, target.config, target.space, space))
    except ModelError as error:
        raise SpecError(f"validation.parity.space: {error}") from None


def called_check(spec: ExplanationSpec, store: Store, served: ComparedFacts, *, stored: bool = False) -> Check:
    """The check of what `compare_with_served` returned.

    Raises:
        DamagedError: if the numbers in the store are not those that it wrote.
    """
    called = read_sealed(store.name_folder(spec.name), served.file)
    return served_check(spec, called, space=served.space, stored=stored)


def served_check(spec: ExplanationSpec, called: Mapping[str, Any], *, space: str, stored: bool = False) -> Check:
    """The check of the comparison {rows, model, served} that `compare_with_served` left in the store.

    With `stored`, the served outputs are predictions that were stored when the model was served.

    A number that one of the two models does not give counts as a difference.
    """
    section = spec.validation.parity
    own, served = _numbers(called["model"]), _numbers(called["served"])
    error = parity_error(own, served)
    error[np.isnan(error)] = np.inf
    within = error <= section.tolerance
    judged, differing = len(error), int((~within).sum())
    share = float(within.mean()) if judged else None
    uri = spec.model.served.uri if spec.model.served else ""
    other = f"the prediction stored in {spec.data.prediction}" if stored else f"the one served ({uri})"
    worst, source = "", "stored" if stored else "served"
    if judged:
        row = int(np.argmax(error))
        largest = _difference(own[row], served[row], source)
        worst = f"; the largest difference is {largest}, in row {called['rows'][row]}"
    return Check(
        name="parity" if stored else NAME,
        severity=section.severity,
        success=stored if share is None else share >= section.mostly,
        observed=share,
        expected=f"at least {section.mostly}",
        description=(
            f"Share of a sample of rows for which the model explained and {other} give the same {space} within "
            f"{section.tolerance} x (1 + |{source}|): {all_but(differing, judged)}{worst}."
        ),
        remedy=(
            "The model explained is not the one served: compare versions and encodings, or correct "
            f"{'data.prediction and validation.parity.space' if stored else 'model.served'}."
        ),
    )


def _numbers(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _difference(own: float, served: float, source: str) -> str:
    if not (np.isfinite(own) and np.isfinite(served)):
        return f"that of {_number_words(own)} and {_number_words(served)} ({source})"
    return f"{abs(own - served):.3g} ({_number_words(own)}, {source} {_number_words(served)})"


def _number_words(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else "no number"
