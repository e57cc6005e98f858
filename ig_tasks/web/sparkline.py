"""A line so small that it stands in a table: drawn by hand, since forty charts would take seconds."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from ig_tasks.presentation.visible import visible
from ig_tasks.reports.numerals import number

__all__ = ["sparkline"]

_WIDTH, _HEIGHT, _PAD = 96, 22, 3


def sparkline(values: Sequence[float | None], label: str) -> Markup:
    """Figures over the partitions, from zero, the last as a dot; a gap where one is not known.

    Args:
        label: what is drawn, for those who cannot see it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    top = max(known) or 1.0
    step = (_WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    pieces: list[list[str]] = [[]]
    last = (0.0, 0.0)
    for place, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        last = (_PAD + step * place, _HEIGHT - _PAD - value / top * (_HEIGHT - 2 * _PAD))
        pieces[-1].append(f"{last[0]:.1f},{last[1]:.1f}")
    lines = Markup("").join(
        Markup('<polyline points="{}"/>').format(" ".join(piece if len(piece) > 1 else piece * 2))
        for piece in pieces
        if piece
    )
    gaps = len(values) - len(known)
    words = f"{visible(label)} over {len(values)} partitions: first {number(known[0])}, last {number(known[-1])}, "
    words += f"least {number(min(known))}, greatest {number(max(known))}" + (f"; {gaps} not known" if gaps else "")
    return Markup(
        '<svg class="spark" role="img" aria-label="{words}" viewBox="0 0 {w} {h}" width="{w}" height="{h}">{lines}'
        '<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></svg>'
    ).format(words=words, w=_WIDTH, h=_HEIGHT, lines=lines, x=last[0], y=last[1])
