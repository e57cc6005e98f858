"""Bars of importance: one chart for report and notebook, with and without confidence intervals."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ig_tasks import explain
from ig_tasks.charts.bars import Bar, sign_bars, size_bars
from ig_tasks.presentation.colours import ACCENT, FAINT, LOWERS, RAISES

BARS = [Bar("delay", 2.0, -2.0, (1.5, 2.5)), Bar("month", 1.0, 0.25, (0.5, 1.5)), Bar("hour", 0.5, 0.0, (0.25, 0.75))]


def test_sizes_have_one_colour_and_the_interval_where_it_is_known() -> None:
    known = size_bars(BARS, "log-odds")
    assert known.svg().count(f'fill="{ACCENT}"') == len(BARS)
    assert known.words.startswith("Bar chart: mean absolute attribution of 3 features with 95 % confidence intervals")
    assert [(row["low"], row["high"]) for row in known.table] == [bar.interval for bar in BARS]
    unknown = size_bars([bar._replace(interval=None) for bar in BARS], "")
    assert "confidence" not in unknown.words
    assert ">mean |attribution|<" in unknown.svg()
    assert "low" not in unknown.table[0]


def test_signs_have_a_colour_each_way() -> None:
    svg = sign_bars(BARS, "log-odds").svg()
    fills = [found for found in re.findall(r'fill="(#[0-9a-f]{6})"', svg) if found in (RAISES, LOWERS)]
    assert sorted(fills) == sorted([LOWERS, RAISES])
    colours = [row["colour"] for row in sign_bars(BARS, "").spec.to_dict()["layer"][0]["data"]["values"]]
    assert colours == [LOWERS, RAISES, FAINT]


def test_the_notebook_draws_the_same_bars() -> None:
    import torch

    layer = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, -4.0]]))
    explanation = explain(layer, np.array([[1.0, 1.0], [3.0, -1.0]]))
    # |2 x| over 1 and 3 is 4 on average, |-4 x| over 1 and -1 is 4; the signed means are 4 and 0.
    chart = explanation.bar()
    # Student's t of one degree of freedom is 12.706, and the standard error of 2 and 6 is 2; of 4 and 4 it is 0.
    intervals = [(row["low"], row["high"]) for row in chart.table]
    assert intervals == [(0.0, pytest.approx(4 + 12.7062 * 2, rel=1e-5)), (4.0, 4.0)]
    bars = [Bar(explanation.features[0], 4.0, 4.0, intervals[0]), Bar(explanation.features[1], 4.0, 0.0, intervals[1])]
    assert chart.to_dict() == size_bars(bars, "").spec.to_dict()
