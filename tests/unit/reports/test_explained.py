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
