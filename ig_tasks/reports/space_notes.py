"""What the number is that was explained, for a reader who decides by it: its space, calibration, threshold, margin."""

from __future__ import annotations

from typing import Any

from scipy.special import expit

from ig_tasks.models.config import TargetConfig
from ig_tasks.models.loss import is_loss
from ig_tasks.models.outputs import Selection
from ig_tasks.models.spaces import margin_base, threshold_in
from ig_tasks.reports.numerals import number
from ig_tasks.store.report import Example

__all__ = ["explained_words", "margin_words", "probability_at", "target_facts", "with_margin", "with_probabilities"]


def target_facts(config: TargetConfig, space: str) -> dict[str, Any]:
    """The fields of TargetInfo that say what the number is."""
    calibration = config.calibration
    facts = (
        {}
        if calibration is None
        else {
            "method": calibration.method,
            "of": calibration.of or config.space,
            "description": calibration.describe(),
            "piecewise_linear": calibration.piecewise_linear,
        }
    )
    return {
        "explained": explained_words(config, space),
        "threshold": config.threshold,
        "threshold_output": threshold_in(config, space),
        "margin": margin_words(config),
        "calibration": facts,
    }


def explained_words(config: TargetConfig, space: str) -> str:
    """What an output of this space is, in a sentence or three."""
    sentences = [_space_words(config, space)]
    if isinstance(config.output, Selection):
        chosen = config.output.model_dump(exclude_none=True)
        sentences.append(f"Explained output: {', '.join(f'{axis} {which}' for axis, which in chosen.items())}.")
    calibrated = space == "calibrated" or (space == "margin" and config.calibration is not None)
    if config.calibration is not None and calibrated:
        sentences.append(f"The calibration is {config.calibration.describe()}.")
        if config.calibration.piecewise_linear:
            sentences.append("Where it is flat, no feature moves the probability, and none has an attribution there.")
    return " ".join(sentences)


def _space_words(config: TargetConfig, space: str) -> str:
    softmax = config.activation == "softmax"
    if is_loss(space) and space != config.space:
        return _loss_words(space)
    if space == "margin":
        return f"{margin_words(config)} Attributions are the same wherever the threshold lies."
    if space == "calibrated":
        return "The calibrated probability, from 0 to 1: about 30 in 100 rows with 0.30 should turn out to be cases."
    if space == "probability" and config.space == "logit":
        share = "The class's share of the probability, from 0 to 1" if softmax else "The probability, from 0 to 1"
        return f"{share}, as the model gives it{' before calibration' if config.calibration else ''}."
    if space == "probability":
        return "The probability, from 0 to 1, as the model gives it."
    if space == "logit" and softmax:
        return "The model's score of the class: it decides by how far it lies above the scores of the other classes."
    if space == "logit" and config.activation is None and config.threshold is None and config.calibration is None:
        # With several columns it may be a class's score: nothing in model.yaml says otherwise.
        return (
            "The model's score before it becomes a probability. For a yes-or-no outcome it is the log-odds: 0 is a "
            "probability of one half, and every 0.69 more doubles the odds."
        )
    if space == "logit":
        return "Log-odds: 0 is a probability of one half, and every 0.69 more doubles the odds."
    return "The number that the model returns, in its own units."


def _loss_words(space: str) -> str:
    worse = "What raises it made the prediction worse, what lowers it made it better"
    if space == "squared_error":
        return f"The squared difference between prediction and outcome of the row. {worse}."
    return (
        "The log loss of the row: minus the logarithm of the probability that was given to what came. 0 is certainty "
        f"that was right, 0.69 an even guess. {worse}."
    )


def margin_words(config: TargetConfig) -> str:
    """What the distance to the threshold is; empty where there is no threshold."""
    if config.threshold is None:
        return ""
    base, threshold = margin_base(config), _with_decimals(config.threshold)
    if base == "calibrated":
        return f"The calibrated probability less the decision threshold {threshold}: above 0 the decision is for it."
    if config.space == "logit":
        odds = "the class's log-odds against all others" if config.activation == "softmax" else "the log-odds"
        at = number(threshold_in(config, base), 3)
        return (
            f"{odds[:1].upper()}{odds[1:]} less those of the decision threshold (a probability of {threshold}, "
            f"log-odds {at}): above 0 the decision is for it."
        )
    return f"The output less the decision threshold {threshold}: above 0 the decision is for it."


def probability_at(config: TargetConfig, space: str, output: float | None) -> float | None:
    """The probability that log-odds say; None in other spaces, and of a class's score, which alone says none."""
    alone = config.activation == "sigmoid" or (config.activation is None and not config.column)
    if space != "logit" or not alone or output is None:
        return None
    return float(expit(output))


def with_probabilities(example: Example, config: TargetConfig, space: str) -> Example:
    """The example with the probabilities at the row and at the baseline, where its log-odds say any."""
    return example.model_copy(
        update={
            "output_probability": probability_at(config, space, example.output),
            "baseline_probability": probability_at(config, space, example.baseline_output),
        }
    )


def with_margin(example: Example, config: TargetConfig, space: str) -> Example:
    """The example with its distance to the threshold, where there is one in this space."""
    threshold = threshold_in(config, space)
    if threshold is None or example.output is None:
        return example
    margin = example.output - threshold
    side = "above" if margin > 0 else "below"
    # For a margin as for a probability, what people know is the threshold as model.yaml states it.
    in_log_odds = (space if space != "margin" else margin_base(config)) in ("logit", "log_odds")
    unit = " log-odds" if in_log_odds else ""
    stated = _with_decimals(config.threshold)
    where = f"the threshold, a probability of {stated}" if in_log_odds else f"the threshold {stated}"
    words = f"{_distance(margin, stated)}{unit} {side} {where}" if margin else f"at {where}"
    return example.model_copy(update={"margin": margin, "margin_words": words})


def _distance(margin: float, stated: str) -> str:
    """The size of a margin in two digits, more where it would read as the threshold itself."""
    texts = (number(abs(margin), digits) for digits in range(2, 7))
    return next((text for text in texts if text.rstrip("0") != stated.rstrip("0")), number(abs(margin), 2))


def _with_decimals(threshold: float | None) -> str:
    """0.40 for 0.4: two decimals, more where it has more."""
    if threshold is None:
        return ""
    short = f"{threshold:.2f}"
    return short if float(short) == threshold else f"{threshold:g}"
