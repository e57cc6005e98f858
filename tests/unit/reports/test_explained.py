"""What the page says of the model and the data that were explained."""

from __future__ import annotations

import re
from types import SimpleNamespace

from ig_tasks.reports.page import render_page


def test_a_model_without_a_version_is_called_by_its_name_alone(sample: SimpleNamespace) -> None:
    report = sample.flights_report(**sample.BARE)
    page = render_page(report.model_copy(update={"model": report.model.model_copy(update={"version": ""})}))
    said = re.search(r"<dt>Model</dt><dd>(.*?) <span>", page)
    assert said is not None
    assert said.group(1) == report.model.name


def test_one_row_is_one_row_and_features_that_move_nothing_are_called_out(sample: SimpleNamespace) -> None:
    body = sample.flights_body()
    nothing = {"abs_mean": 0.0, "mean": 0.0, "rows": 1}
    still = sample.flights_report(**sample.BARE, importance=[{**row, **nothing} for row in body["importance"]])
    page = render_page(still)
    assert "Importance over 1 row, in log-odds" in page
    assert "No feature moves the output" in page
    assert "No feature moves the output" not in render_page(sample.flights_report(**sample.BARE))
