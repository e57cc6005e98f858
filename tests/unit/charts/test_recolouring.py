"""A chart follows its page's colours; names of the data stay what they are."""

from __future__ import annotations

import json
import re

from ig_tasks.charts.bars import Bar, sign_bars
from ig_tasks.charts.recolouring import recoloured
from ig_tasks.presentation.colours import DARK, LIGHT, LOWERS, RAISES

CHART = sign_bars([Bar("Delay", 2.0, 1.0), Bar(RAISES, 1.0, -1.0)], "log-odds")


def test_every_colour_of_a_chart_has_a_name_and_a_dark_counterpart() -> None:
    assert set(LIGHT) == set(DARK)
    marks = {colour: f"var(--{name})" for name, colour in LIGHT.items()}
    text = json.dumps(recoloured(CHART.document, marks))
    assert '"colour": "var(--raises)"' in text
    assert '"colour": "var(--lowers)"' in text
    # What is left is the label of a feature that is called like a colour.
    assert set(re.findall(r'"(#[0-9a-f]{6})"', text)) == {RAISES}
    assert f'"label": "{RAISES}"' in text


def test_a_dark_picture_is_the_light_one_in_other_colours() -> None:
    light, dark = CHART.svg(), CHART.svg(dark=True)
    assert f'fill="{LOWERS}"' in light
    assert f'fill="{LOWERS}"' not in dark
    assert f'fill="{DARK["lowers"]}"' in dark
    assert re.sub("#[0-9a-f]{6}", "", light) == re.sub("#[0-9a-f]{6}", "", dark)


def test_rows_of_named_data_keep_their_words_and_change_the_colours_that_they_hold() -> None:
    part = {"datasets": {"rows": [{"label": "red", "colour": "red"}, {"label": "red"}]}, "mark": {"color": "red"}}
    assert recoloured(part, {"red": "blue"}) == {
        "datasets": {"rows": [{"label": "red", "colour": "blue"}, {"label": "red"}]},
        "mark": {"color": "blue"},
    }
