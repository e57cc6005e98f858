"""Parity with the served model and with stored predictions of another space."""

import numpy as np
import pytest
from scipy.special import expit

from ig_tasks.spec import ExplanationSpec
from ig_tasks.validation import Predicted, served_check


def spec_of(**parity):
    return ExplanationSpec.model_validate(
        {
            "version": 1,
            "name": "demo",
            "model": {"uri": "model", "served": "served"},
            "data": "data",
            "validation": {"parity": parity},
        }
    )


def called(model, served):
    return {"rows": [f"r{i}" for i in range(len(model))], "model": list(model), "served": list(served)}


def test_the_same_numbers_pass():
    check = served_check(spec_of(), called([0.1, -2.0], [0.1, -2.0]), space="logit")
    assert (check.name, check.severity, check.success, check.observed) == ("parity_served", "critical", True, 1.0)
    assert "the one served (served) give the same logit within 0.001" in check.description


def test_the_largest_difference_and_its_row_are_in_the_message():
    check = served_check(spec_of(), called([0.1, 0.5, 0.2], [0.1, 0.25, 0.19]), space="probability")
    assert not check.success
    assert check.observed == pytest.approx(1 / 3)
    assert "all but 2 of 3; the largest difference is 0.25 (0.5, served 0.25), in row r1." in check.description


def test_tolerance_share_and_severity_are_the_specs():
    one_of_four = called([0.1, 0.5, 0.2, 0.3], [0.1, 0.25, 0.2, 0.3])
    assert served_check(spec_of(tolerance=0.3), one_of_four, space="logit").success
    assert served_check(spec_of(mostly=0.75), one_of_four, space="logit").success
    warned = served_check(spec_of(severity="warning"), one_of_four, space="logit")
    assert (warned.success, warned.severity) == (False, "warning")


@pytest.mark.parametrize(("model", "served"), [([0.1, None], [0.1, 0.2]), ([0.1, 0.2], [0.1, None])])
def test_a_number_that_one_of_them_does_not_give_is_a_difference(model, served):
    check = served_check(spec_of(), called(model, served), space="logit")
    assert not check.success
    assert "no number" in check.description
    assert "in row r1" in check.description


def test_no_rows_are_no_agreement():
    check = served_check(spec_of(), called([], []), space="logit")
    assert (check.success, check.observed) == (False, None)


def test_stored_predictions_of_a_sample():
    spec = ExplanationSpec.model_validate(
        {"version": 1, "name": "demo", "model": "model", "data": {"uri": "data", "prediction": "p"}}
    )
    check = served_check(spec, called([0.1, 0.5], [0.1, 0.4]), space="logit", stored=True)
    assert (check.name, check.success) == ("parity", False)
    assert "the model explained and the prediction stored in p give the same logit" in check.description
    assert check.remedy.endswith("or correct data.prediction and validation.parity.space.")
    assert served_check(spec, called([], []), space="logit", stored=True).success


def test_stored_predictions_in_another_space(checks_of, make_table, make_spec):
    logits = np.linspace(-3.0, 3.0, 7)
    table = make_table(7, output=logits, prediction=expit(logits))
    spec = make_spec(prediction="p")
    there = checks_of(table, spec=spec, predicted=Predicted("probability", expit))["parity"]
    assert there.success
    assert "Share of rows whose probability, told from the output explained, equals" in there.description
    assert not checks_of(table, spec=spec)["parity"].success


def test_the_worst_row_of_all_shards_is_named(checks_of, make_table, make_spec):
    output = np.zeros(5)
    fine = make_table(5, output=output, prediction=output)
    off = make_table(5, start=5, output=output, prediction=[0.0, 0.0, 0.5, 0.25, np.nan])
    check = checks_of(fine, off, spec=make_spec(prediction="p"))["parity"]
    assert "the largest difference is 0.33 of that measure, in row 'r7' (0, stored 0.5)." in check.description
    assert "1 rows without a stored prediction" in check.description
