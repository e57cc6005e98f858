"""The waterfall: one chart for report and notebook, from the baseline's output to the row's."""

from __future__ import annotations

import numpy as np

from ig_tasks import explain
from ig_tasks.charts.waterfall import Mark, Step, waterfall
from ig_tasks.presentation.colours import LOWERS, RAISES

STEPS = [Step("b = 3", 0.0, 12.0, "+12"), Step("a = 1", 12.0, 10.0, "-2")]


def test_its_steps_are_its_table_and_its_ends_its_words() -> None:
    chart = waterfall(STEPS, Mark(0.0, "0"), Mark(10.0, "10"), "log-odds", row="r7", note="rounded")
    assert chart.words == (
        "Waterfall chart: from the output at the baseline, 0, to the output for row r7, 10, in log-odds. "
        "The numbers are in the table."
    )
    assert [dict(row) for row in chart.table] == [
        {"step": "b = 3", "from": 0.0, "to": 12.0, "attribution": 12.0},
        {"step": "a = 1", "from": 12.0, "to": 10.0, "attribution": -2.0},
    ]
    svg = chart.svg()
    assert "model output (log-odds; rounded)" in svg
    assert (svg.count(f'fill="{RAISES}"'), svg.count(f'fill="{LOWERS}"')) == (1, 1)
    assert "in log-odds" not in waterfall(STEPS, Mark(0.0, "0"), Mark(10.0, "10"), "", row="r7").words


def test_the_notebook_draws_the_same_waterfall() -> None:
    import torch

    layer = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-2.0, 4.0]]))
    explanation = explain(layer, np.array([[1.0, 3.0]]))
    b, a = (explanation.features[place] for place in (1, 0))
    steps = [Step(f"{b} = 3", 0.0, 12.0, "+12"), Step(f"{a} = 1", 12.0, 10.0, "-2")]
    expected = waterfall(steps, Mark(0.0, "0"), Mark(10.0, "10"), "", row="0")
    assert explanation.waterfall(0).to_dict() == expected.spec.to_dict()
