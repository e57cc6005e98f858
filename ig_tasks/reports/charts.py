"""The charts of importance, segments and distributions, as SVG without script.

Features, categories and levels are values of fixed columns (`label`, `low`, ...), never field names, so that no
name is read as chart shorthand. Altair is imported when a chart is drawn: DAG files must not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ig_tasks.looks.colours import ACCENT, INK, MIDDLE, PALE, effect_colour
from ig_tasks.looks.visible import visible
from ig_tasks.reports.drawing import (
    LABEL,
    LETTERS,
    WORDS,
    drawn_svg,
    labels_axis,
    numbers_axis,
    words_axis,
    zero_line,
)
from ig_tasks.reports.numerals import number
from ig_tasks.reports.typeface import estimate
from ig_tasks.store.report import Distribution, GroupImportance, Importance

__all__ = ["distribution_chart", "group_charts", "importance_chart", "segment_chart", "signed_chart"]

Named = tuple[str, Importance | GroupImportance]
"""A bar's label, and what it shows."""


def importance_chart(rows: Sequence[Importance], labels: Mapping[str, str], units: str) -> str:
    """Bars of the mean absolute attribution with its confidence interval, in the order of `rows`."""
    return _sizes([(labels[row.feature], row) for row in rows], units, "features", "attribution")


def signed_chart(rows: Sequence[Importance], labels: Mapping[str, str], units: str) -> str:
    """Bars of the signed mean, in the order of `rows`: which way each feature moves the output on average."""
    return _signs([(labels[row.feature], row) for row in rows], units, "features", "attribution")


def group_charts(rows: Sequence[GroupImportance], units: str) -> tuple[str, str]:
    """The same two of groups of features: the mean absolute contribution, and the signed mean."""
    named = [(row.group, row) for row in rows]
    words = (units, "groups of features", "contribution")
    return _sizes(named, *words), _signs(named, *words)


def _sizes(rows: Sequence[Named], units: str, noun: str, what: str) -> str:
    import altair as alt

    data = [
        {"label": label, "size": row.abs_mean, "low": row.abs_mean_ci[0], "high": row.abs_mean_ci[1]}
        for label, row in rows
    ]
    y = labels_axis(alt, data)
    x = alt.X("size:Q", title=f"mean |{what}| ({units})", axis=numbers_axis(alt), scale=alt.Scale(zero=True))
    base = alt.Chart(alt.Data(values=data))
    bars = base.mark_bar(color=ACCENT, height=13).encode(y=y, x=x)
    ends = base.mark_rule(color=INK, strokeWidth=1.5).encode(y=y, x="low:Q", x2="high:Q")
    caps = [base.mark_tick(color=INK, thickness=1.5, size=8).encode(y=y, x=f"{end}:Q") for end in ("low", "high")]
    return drawn_svg(
        alt.layer(bars, ends, *caps),
        len(data),
        f"Bar chart: mean absolute {what} of {len(data)} {noun} with 95 % confidence intervals, "
        "the greatest first. The numbers are in the table.",
    )


def _signs(rows: Sequence[Named], units: str, noun: str, what: str) -> str:
    import altair as alt

    data = [{"label": label, "mean": row.mean, "colour": effect_colour(row.mean)} for label, row in rows]
    chart = (
        alt.Chart(alt.Data(values=data))
        .mark_bar(height=13)
        .encode(
            y=labels_axis(alt, data),
            x=alt.X("mean:Q", title=f"mean {what} ({units})", axis=numbers_axis(alt)),
            color=alt.Color("colour:N", scale=None),
        )
    )
    return drawn_svg(
        alt.layer(chart, zero_line(alt)),
        len(data),
        f"Bar chart: signed mean {what} of {len(data)} {noun}; bars to the right raise the output, bars to "
        "the left lower it. The numbers are in the table.",
    )


def segment_chart(
    rows: Sequence[Importance], levels: Mapping[str, str], features: Sequence[str], labels: Mapping[str, str]
) -> str:
    """A heat map of abs_mean: levels (with what to write for each) down, features across, the number in each cell.

    Each feature has a scale of its own, from 0 to its greatest cell: a heat map compares levels, and beside a feature
    that is ten times as important the others' differences would all be pale. The numbers compare features.
    """
    import altair as alt

    greatest: dict[str, float] = {}
    for row in rows:
        greatest[row.feature] = max(greatest.get(row.feature, 0.0), row.abs_mean or 0.0)
    data = [
        {
            "label": levels[str(row.segment_level)],
            "feature": labels[row.feature],
            "shade": (row.abs_mean or 0.0) / (greatest[row.feature] or 1.0),
            "text": number(row.abs_mean, 3),
        }
        for row in rows
    ]
    y = alt.Y(
        "label:N", title=None, scale=alt.Scale(domain=list(levels.values())), axis=words_axis(alt, levels.values())
    )
    across = alt.Axis(labelAngle=-_SLANT, orient="top", labelAlign="left", labelBaseline="bottom", **WORDS)
    x = alt.X("feature:N", title=None, scale=alt.Scale(domain=[labels[name] for name in features]), axis=across)
    base = alt.Chart(alt.Data(values=data)).encode(y=y, x=x)
    cells = base.mark_rect(stroke="white", strokeWidth=1.5).encode(
        color=alt.Color("shade:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[PALE, MIDDLE]))
    )
    text = base.mark_text(fontSize=11, color=INK).encode(text="text:N")
    return drawn_svg(
        alt.layer(cells, text),
        len(levels),
        f"Heat map: mean absolute attribution of {len(features)} features in {len(levels)} segments, each feature on "
        "a scale of its own. "
        "The numbers are in the table.",
        width=150 + 62 * max(len(features), 2),
        above=90,
        beyond=_overhang([labels[name] for name in features]),
    )


_COLUMN, _SLANT = 58, 35
"""Pixels from one column of a heat map to the next, and degrees by which their names rise."""


def _overhang(names: Sequence[str]) -> float:
    """Pixels by which slanted names of columns reach beyond the last one, which the chart library leaves out."""
    slope = math.cos(math.radians(_SLANT))
    ends = [
        slope * min(estimate(visible(name), LETTERS), LABEL) - (place + 0.5) * _COLUMN
        for place, name in enumerate(reversed(names))
    ]
    return max(0.0, *ends)


BOX = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Ends of the line, of the bar, and the mark between them."""


def box_values(found: Distribution) -> tuple[float, ...] | None:
    """The values at the quantiles of BOX, or the nearest that are known; None where nothing is."""
    known = [(point.q, point.value) for point in found.quantiles if point.value is not None]
    if not known:
        return None
    return tuple(min(known, key=lambda point: (abs(point[0] - q), point[0]))[1] for q in BOX)


def distribution_chart(found: Sequence[Distribution], labels: Mapping[str, str], units: str) -> str:
    """A box for each feature: a line from the 5 % to the 95 % quantile, a bar over the middle half, a median mark."""
    import altair as alt

    names = ("low", "inner_low", "median", "inner_high", "high")
    data = [
        {"label": labels[item.feature], **dict(zip(names, values, strict=True))}
        for item in found
        if (values := box_values(item)) is not None
    ]
    y = labels_axis(alt, data)
    base = alt.Chart(alt.Data(values=data))
    outer = base.mark_rule(color=ACCENT, strokeWidth=1.5).encode(
        y=y, x=alt.X("low:Q", title=f"attribution ({units})", axis=numbers_axis(alt)), x2="high:Q"
    )
    inner_bar = base.mark_bar(color=MIDDLE, height=12).encode(y=y, x="inner_low:Q", x2="inner_high:Q")
    median = base.mark_tick(color=INK, thickness=2, size=17).encode(y=y, x="median:Q")
    return drawn_svg(
        alt.layer(zero_line(alt), outer, inner_bar, median),
        len(data),
        f"Quantile boxes of the attributions of {len(data)} features. The numbers are in the table.",
    )
