"""The steps of a waterfall are told apart, and each says the value that its feature had."""

from __future__ import annotations

from ig_tasks.reports.row_waterfall import waterfall_steps
from ig_tasks.store.report import Example

LONGEST = "customer_lifetime_average_of_monthly_balance"


def words(*names: str) -> list[str]:
    held = [{"feature": name, "value": 3.25, "attribution": 1.0} for name in names]
    body = {"row_id": "r", "target": "y", "output": 4.0, "baseline_output": 0.0, "convergence_delta": 0.0}
    example = Example.model_validate({**body, "status": "converged", "contributions": held})
    return [said for said, *_ in waterfall_steps(example, {name: name for name in names})]


def test_a_long_label_loses_its_middle_and_not_its_value() -> None:
    assert words(f"{LONGEST}_2012", f"{LONGEST}_2013", "temp") == [
        "customer_lifet…e_2012 = 3.25",
        "customer_lifet…e_2013 = 3.25",
        "temp = 3.25",
    ]


def test_what_two_labels_would_be_cut_to_stays_whole() -> None:
    names = (f"{LONGEST}_2012", "customer_lifetime_note_2012")
    assert words(*names) == [f"{name} = 3.25" for name in names]
