"""What was explained, in words of the people who decide by it."""

import numpy as np
import pytest

from ig_tasks.models.config import TargetConfig
from ig_tasks.reports.space_notes import explained_words, probability_at, target_facts, with_margin, with_probabilities
from ig_tasks.store.report import Example

PLATT = {"method": "platt", "slope": 1.5, "intercept": -0.25}
ISOTONIC = {"method": "isotonic", "x": [-1.0, 0.0, 1.0], "y": [0.1, 0.4, 0.9]}


def target(**settings):
    return TargetConfig.model_validate({"space": "logit", **settings})


def example(output):
    return Example(
        row_id="r",
        target="late",
        output=output,
        baseline_output=0.0,
        convergence_delta=0.0,
        status="converged",
        contributions=(),
    )


@pytest.mark.parametrize(
    ("config", "space", "output", "words"),
    [
        (target(threshold=0.4, calibration=PLATT), "calibrated", 0.52, "0.12 above the threshold 0.40"),
        (target(threshold=0.4, calibration=PLATT), "margin", -0.12, "0.12 below the threshold 0.40"),
        (target(threshold=0.125, space="probability"), "probability", 0.125, "at the threshold 0.125"),
        (target(threshold=0.5), "logit", 1.0, "1.0 log-odds above the threshold, a probability of 0.50"),
        (target(threshold=0.4), "margin", 0.25, "0.25 log-odds above the threshold, a probability of 0.40"),
        (target(threshold=250.0, space="value"), "value", 260.0, "10 above the threshold 250.00"),
        # In two digits the distance would read as the threshold itself.
        (target(threshold=0.5, space="probability"), "probability", 0.0021, "0.498 below the threshold 0.50"),
        (target(threshold=0.5, space="probability"), "probability", 0.9996, "0.4996 above the threshold 0.50"),
    ],
)
def test_an_example_says_how_far_it_is_from_the_decision(config, space, output, words):
    told = with_margin(example(output), config, space)
    assert told.margin_words.replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("config", "space"),
    [(target(), "logit"), (target(threshold=0.4, calibration=PLATT), "logit")],
    ids=["no threshold", "a threshold of the calibrated probability"],
)
def test_where_the_space_has_no_threshold_nothing_is_said(config, space):
    assert with_margin(example(0.5), config, space) == example(0.5)


def test_piecewise_linear_calibration_is_said_to_be_so():
    config = target(calibration=ISOTONIC, threshold=0.4)
    for space in ("calibrated", "margin"):
        words = explained_words(config, space)
        assert "isotonic regression: piecewise linear, through 3 points" in words
        assert "Where it is flat, no feature moves the probability" in words
    assert "isotonic" not in explained_words(config, "logit")
    assert target_facts(config, "calibrated")["calibration"]["piecewise_linear"] is True


def test_what_the_margin_is_stands_in_the_facts():
    calibrated = target_facts(target(threshold=0.4, calibration=PLATT), "margin")
    assert calibrated["margin"].startswith("The calibrated probability less the decision threshold 0.40")
    assert (calibrated["threshold"], calibrated["threshold_output"]) == (0.4, 0.0)
    logits = target_facts(target(threshold=0.4), "logit")
    assert "less those of the decision threshold (a probability of 0.40, log-odds −0.405)" in logits["margin"]
    assert logits["threshold_output"] == pytest.approx(-0.4054651081)
    classes = target_facts(target(threshold=0.4, output=1, activation="softmax"), "margin")
    assert classes["margin"].startswith("The class's log-odds against all others less those")
    plain = target_facts(target(), "logit")
    assert (plain["threshold"], plain["margin"], plain["calibration"]) == (None, "", {})


def test_a_score_that_may_be_a_classs_is_not_called_log_odds():
    assert explained_words(target(output=3), "logit").startswith("The model's score before it becomes a probability.")
    assert explained_words(target(activation="sigmoid"), "logit").startswith("Log-odds: 0 is a probability of one half")
    assert "far it lies above the scores of the other" in explained_words(
        target(output=3, activation="softmax"), "logit"
    )


def test_a_selection_is_named():
    config = target(output={"head": "logits", "position": 0, "column": 1}, activation="softmax")
    assert "Explained output: head logits, position 0, column 1." in explained_words(config, "probability")


def test_log_odds_say_a_probability_and_scores_of_classes_say_none():
    # The sigmoid of log 3 is 3 / 4.
    assert probability_at(target(), "logit", np.log(3)) == pytest.approx(0.75, rel=1e-12)
    assert probability_at(target(activation="sigmoid", output=1), "logit", -np.log(3)) == pytest.approx(0.25, rel=1e-12)
    assert probability_at(target(activation="softmax", output=1), "logit", 1.0) is None
    assert probability_at(target(output=1), "logit", 1.0) is None
    assert probability_at(target(), "probability", 0.5) is None
    assert probability_at(target(), "logit", None) is None
    told = with_probabilities(example(np.log(3)), target(), "logit")
    assert (told.output_probability, told.baseline_probability) == (pytest.approx(0.75), 0.5)
