"""Bars of importance: the size of what each feature does to the output, and which way it goes on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ig_tasks.charts.axes import labels_axis, numbers_axis, told, zero_line
from ig_tasks.charts.chart import Chart, Frame
from ig_tasks.presentation.colours import ACCENT, INK, effect_colour

__all__ = ["Bar", "figure_bars", "sign_bars", "size_bars"]


class Bar(NamedTuple):
    """A feature or a group of features: its label and its numbers, in the output's units."""

    label: str
    abs_mean: float | None
    mean: float | None
    interval: tuple[float | None, float | None] | None = None
    """95 % confidence interval of `abs_mean`; None where it is not known."""


def size_bars(bars: Sequence[Bar], units: str, noun: str = "features", what: str = "attribution") -> Chart:
    """Bars of the mean absolute attribution, with confidence intervals where they are known.

    Args:
        bars: the bars, from top to bottom.
        units: what an attribution is counted in, for the axis; "" leaves it out.
        noun: what the bars stand for, in the plural.
        what: what is averaged: "attribution", or "contribution" for groups.
    """
    import altair as alt

    data = [{"label": bar.label, "abs_mean": bar.abs_mean, "mean": bar.mean} for bar in bars]
    known = any(bar.interval for bar in bars)
    if known:
        for row, bar in zip(data, bars, strict=True):
            row["low"], row["high"] = bar.interval or (None, None)
    y = labels_axis(alt, data)
    x = alt.X("abs_mean:Q", title=_title(f"mean |{what}|", units), axis=numbers_axis(alt), scale=alt.Scale(zero=True))
    base = alt.Chart(alt.Data(values=data))
    tooltip = told(alt, {"label:N": "name", "abs_mean:Q": f"mean |{what}|", "mean:Q": "signed mean"})
    tooltip += told(alt, {"low:Q": "95 % interval from", "high:Q": "to"}) if known else []
    layers = [base.mark_bar(color=ACCENT, height=13).encode(y=y, x=x, tooltip=tooltip)]
    if known:
        layers.append(base.mark_rule(color=INK, strokeWidth=1.5).encode(y=y, x=alt.X("low:Q"), x2=alt.X2("high:Q")))
        layers += [
            base.mark_tick(color=INK, thickness=1.5, size=8).encode(y=y, x=f"{end}:Q") for end in ("low", "high")
        ]
    intervals = " with 95 % confidence intervals" if known else ""
    words = (
        f"Bar chart: mean absolute {what} of {len(data)} {noun}{intervals}, the greatest first. "
        "The numbers are in the table."
    )
    return Chart(alt.layer(*layers), words, tuple(data), Frame(len(data)))


def sign_bars(bars: Sequence[Bar], units: str, noun: str = "features", what: str = "attribution") -> Chart:
    """Bars of the signed mean: which way each feature moves the output on average.

    Args:
        bars: the bars, from top to bottom.
        units: what an attribution is counted in, for the axis; "" leaves it out.
        noun: what the bars stand for, in the plural.
        what: what is averaged: "attribution", or "contribution" for groups.
    """
    import altair as alt

    data = [{"label": bar.label, "mean": bar.mean} for bar in bars]
    drawn = [row | {"colour": effect_colour(bar.mean)} for row, bar in zip(data, bars, strict=True)]
    chart = (
        alt.Chart(alt.Data(values=drawn))
        .mark_bar(height=13)
        .encode(
            y=labels_axis(alt, drawn),
            x=alt.X("mean:Q", title=_title(f"mean {what}", units), axis=numbers_axis(alt)),
            color=alt.Color("colour:N", scale=None),
            tooltip=told(alt, {"label:N": "name", "mean:Q": f"mean {what}"}, "+.4g"),
        )
    )
    words = (
        f"Bar chart: signed mean {what} of {len(data)} {noun}; bars to the right raise the output, bars to "
        "the left lower it. The numbers are in the table."
    )
    return Chart(alt.layer(chart, zero_line(alt)), words, tuple(data), Frame(len(data)))


def figure_bars(figures: Sequence[tuple[str, float | None]], statistic: str, units: str, *, signed: bool) -> Chart:
    """Bars of one statistic.

    Args:
        figures: a label and its figure for each bar, from top to bottom.
        statistic: what the figure is, as in `median`.
        units: what it is counted in, for the axis; "" leaves it out.
        signed: whether figures raise and lower the output; else they are sizes.
    """
    import altair as alt

    data = [{"label": label, statistic: figure} for label, figure in figures]
    drawn = [
        {"label": label, "figure": figure, "colour": effect_colour(figure) if signed else ACCENT}
        for label, figure in figures
    ]
    chart = (
        alt.Chart(alt.Data(values=drawn))
        .mark_bar(height=13)
        .encode(
            y=labels_axis(alt, drawn),
            x=alt.X("figure:Q", title=_title(statistic, units), axis=numbers_axis(alt), scale=alt.Scale(zero=True)),
            color=alt.Color("colour:N", scale=None),
            tooltip=told(alt, {"label:N": "name", "figure:Q": statistic}, "+.4g" if signed else ".4g"),
        )
    )
    signs = "; bars to the right raise the output, bars to the left lower it" if signed else ""
    words = f"Bar chart: {statistic} of {len(data)} features{signs}. The numbers are in the table."
    return Chart(alt.layer(chart, zero_line(alt)), words, tuple(data), Frame(len(data)))


def _title(subject: str, units: str) -> str:
    return f"{subject} ({units})" if units else subject
