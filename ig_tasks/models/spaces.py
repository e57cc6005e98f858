"""The spaces in which a target can be explained, and how its numbers go from one to another.

value        the model's own units, or whatever word model.yaml declares
logit        log-odds of a binary outcome, or the score of one class among several
probability  the sigmoid of the logit, or the class's share of the softmax
calibrated   the probability after calibration
margin       the distance to the decision threshold, greater than zero where the decision falls for the outcome:
             calibrated probability - threshold where the target is calibrated, else
             logit - logit(threshold) of a target declared as logit (of a class: its log-odds against all others), else
             output - threshold

The loss of a row (`ig_tasks.models.loss`) is one of the row and its outcome: no number of another space says anything
of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ig_tasks.errors import ModelError, suggest
from ig_tasks.models.loss import is_loss, loss_head, loss_steps
from ig_tasks.models.output_steps import SIGMOID, NumpyFunctions, Step, affine, apply, calibration_steps, log_odds
from ig_tasks.models.outputs import Head, Selection

if TYPE_CHECKING:
    from ig_tasks.models.target_config import TargetConfig

__all__ = ["converter", "head_for", "margin_base", "selection_of", "spaces_of", "threshold_in"]

Array = NDArray[np.float64]
_LOG_ODDS = "log_odds"  # of a class against all others: a station on the way, no space of its own


def spaces_of(config: TargetConfig) -> list[str]:
    """The spaces in which a target can be explained, its own first."""
    spaces = [config.space]
    spaces += ["probability"] if config.space == "logit" else []
    spaces += ["calibrated"] if config.calibration else []
    spaces += ["margin"] if config.threshold is not None else []
    return list(dict.fromkeys(spaces))


def selection_of(config: TargetConfig) -> Selection:
    """The target's `output` as a selection, whatever short form model.yaml uses."""
    output = config.output
    if isinstance(output, Selection):
        return output
    return Selection(head=output) if isinstance(output, str) else Selection(column=output)


def head_for(name: str, config: TargetConfig, space: str) -> Head | None:
    """What stands behind the raw model for this space; None where it is explained as it is.

    A space that the target does not have is the caller's to refuse.
    """
    if is_loss(space) and space != config.space:
        return loss_head(name, config, selection_of(config), loss_steps(config, _steps))
    steps = tuple(_steps(config, space))
    if not steps and not isinstance(config.output, Selection):
        return None
    # Without steps one column is as good as another; with them, what it is has to be known.
    binary = bool(steps) and config.space == "logit" and config.activation is None
    return Head(name, space, selection_of(config), steps, binary)


def _steps(config: TargetConfig, space: str) -> list[Step]:
    softmax = config.activation == "softmax"
    column = selection_of(config).column or 0
    if space == config.space:
        return []
    if space == "probability":
        return [Step("softmax", column=column)] if softmax else [SIGMOID]
    if space == "calibrated" and config.calibration is not None:
        calibration = config.calibration
        if softmax and calibration.method == "temperature":
            return [affine(1.0 / (calibration.temperature or 1.0)), Step("softmax", column=column)]
        before = _steps(config, calibration.of or config.space)
        if softmax and not before:
            before = [Step("column", column=column)]
        return [*before, *calibration_steps(calibration)]
    if space == _LOG_ODDS:
        return [Step("log_odds", column=column)]
    base = margin_base(config)
    threshold = threshold_in(config, base)
    if space != "margin" or threshold is None:
        raise ModelError(f"no space '{space}'{suggest(space, spaces_of(config), noun='spaces')}")
    before = _steps(config, base)
    return [*before, affine(1.0, -threshold)]


def margin_base(config: TargetConfig) -> str:
    """The space whose distance from the threshold is the margin."""
    if config.calibration is not None:
        return "calibrated"
    if config.space == "logit":
        return _LOG_ODDS if config.activation == "softmax" else "logit"
    return config.space


def threshold_in(config: TargetConfig, space: str) -> float | None:
    """The decision threshold in a space; None where it is not one number there.

    model.yaml states it in probability (of a target that is neither a logit nor a probability nor calibrated: in its
    own units); where the target is calibrated, it is one of the calibrated probability.
    """
    threshold = config.threshold
    if threshold is None or (is_loss(space) and space != config.space):
        return None
    if space == "margin":
        return 0.0
    if config.calibration is not None:
        return threshold if space == "calibrated" else None
    if space in ("logit", _LOG_ODDS) and config.space == "logit":
        return None if space == "logit" and config.activation == "softmax" else log_odds(threshold)
    return threshold


Convert = Callable[[Array], Array]


def converter(name: str, config: TargetConfig, source: str, wanted: str) -> Convert:
    """A function that takes a target's numbers (rows,) from one space to another.

    Raises:
        ModelError: where no conversion exists: isotonic calibration takes several numbers to one, and a class's logit
            says nothing of its probability without the others'.
    """
    edges = _edges(config)
    ways: dict[str, list[Convert]] = {source: []}
    fresh = [source]
    while fresh and wanted not in ways:
        here = fresh.pop(0)
        for (start, end), convert in edges.items():
            if start == here and end not in ways:
                ways[end] = [*ways[here], convert]
                fresh.append(end)
    if wanted not in ways:
        known = [*dict.fromkeys([*spaces_of(config), "logit", "probability"])]
        problem = (
            f"numbers in space '{source}' do not say what they are in space '{wanted}'"
            if wanted in known
            else f"there is no space '{wanted}'{suggest(wanted, known, noun='spaces')}"
        )
        raise ModelError(f"target '{name}': {problem}")
    conversions = ways[wanted]

    def converted(values: Array) -> Array:
        for convert in conversions:
            values = convert(values)
        return values

    return converted


def _edges(config: TargetConfig) -> dict[tuple[str, str], Convert]:
    """The functions of one number from space to space that this target has."""
    from scipy.special import expit, logit

    softmax = config.activation == "softmax"
    edges: dict[tuple[str, str], Convert] = {}
    odds = _LOG_ODDS if softmax else "logit"
    if config.space in ("logit", "probability"):
        edges[odds, "probability"] = expit
        edges["probability", odds] = logit
    if config.calibration is not None and not (softmax and config.calibration.method == "temperature"):
        calibration, of = config.calibration, config.calibration.of or config.space
        steps = calibration_steps(calibration)
        edges[of, "calibrated"] = lambda values: _transformed(steps, values)
        if calibration.method == "platt":
            slope, intercept = calibration.slope or 1.0, calibration.intercept or 0.0
            edges["calibrated", of] = lambda values: (logit(values) - intercept) / slope
        elif calibration.method == "temperature":
            temperature = calibration.temperature or 1.0
            edges["calibrated", of] = lambda values: logit(values) * temperature
    base = margin_base(config)
    threshold = threshold_in(config, base)
    if threshold is not None:
        shift = threshold
        edges["margin", base] = lambda values: values + shift
        edges[base, "margin"] = lambda values: values - shift
    return edges


def _transformed(steps: Any, values: Array) -> Array:
    converted: Array = np.asarray(apply(NumpyFunctions(), steps, np.asarray(values, np.float64)[:, None]))[:, 0]
    return converted
