"""What a notebook shows first of an explanation: how good it is, and what matters."""

from __future__ import annotations

import html
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ig_tasks.charts.notebook import figure, section, table
from ig_tasks.explanations.pictures.many_rows import bar_of
from ig_tasks.explanations.pictures.one_row import waterfall_of
from ig_tasks.presentation.percentages import percent
from ig_tasks.presentation.statuses import row_words
from ig_tasks.presentation.units import units
from ig_tasks.presentation.visible import visible

if TYPE_CHECKING:
    from ig_tasks.explanations.explained_rows import ExplainedRows
    from ig_tasks.explanations.pictures.shown import Shown

__all__ = ["explanation_html"]

_ROWS, _LEADING, _TOP = 8, 3, 12


def explanation_html(explanation: ExplainedRows, shown: Shown | None) -> str:
    """A sentence on the rows and how they converged, the leading features, and the first rows.

    Args:
        explanation: the rows.
        shown: the same for pictures; None where there are several outputs.
    """
    rows = len(explanation)
    title = f"Explanation of {rows:,} row{'s' * (rows != 1)}"
    if not rows:
        return section(title=title)
    parts = [_standing(explanation), _method(explanation)]
    if shown is not None:
        if shown.explained.size:
            alone = rows == 1
            parts.append(figure(waterfall_of(shown, 0, _TOP) if alone else bar_of(shown, _TOP)))
        parts.append(_first_rows(explanation))
    else:
        outputs = explanation.output.shape[1]
        parts.append(f"<p>All {outputs:,} outputs. For pictures, explain one target instead of 'all'.</p>")
        parts.append(_outputs(explanation))
    return section(*parts, title=title)


def _standing(explanation: ExplainedRows) -> str:
    counts = Counter(map(str, explanation.status.ravel()))
    total = explanation.status.size
    if counts["converged"] == total:
        worst = float(np.nanmax(explanation.error_estimate)) if total else 0.0
        within = f"; the greatest estimated error is {percent(worst, 2)}" if np.isfinite(worst) else ""
        return f"<p class=ig-good>All converged to {_tolerance(explanation)}{within}.</p>"
    lines = [f"{counts['converged']:,} of {total:,} converged to {_tolerance(explanation)}."]
    for status, number in counts.items():
        if status != "converged":
            lines.append(f"{number:,}: {row_words(status, in_spec=False, method=explanation.method) or status}")
    return "".join(f"<p class=ig-care>{_text(line)}</p>" for line in lines)


def _method(explanation: ExplainedRows) -> str:
    details = explanation.details
    spent = float(np.mean(explanation.evaluations)) if explanation.evaluations.size else 0.0
    parts = [f"{details.get('method', 'integrated_gradients')} by {details.get('integrator', 'its rule')}"]
    parts.append(f"{spent:,.1f} gradient evaluations per row")
    if details.get("baselines"):
        parts.append(f"averaged over {details['baselines']} baselines")
    if explanation.details.get("space"):
        parts.append(f"in {units(str(explanation.details['space']))}")
    return f"<p class=ig-soft>{_text('; '.join(parts))}.</p>"


def _tolerance(explanation: ExplainedRows) -> str:
    return percent(float(explanation.details.get("tolerance", 0.01)), 1)


def _first_rows(explanation: ExplainedRows) -> str:
    matrix, shown = explanation.matrix, range(min(len(explanation), _ROWS))
    labels = list(range(len(explanation)) if explanation.index is None else explanation.index)
    rows: list[dict[str, Any]] = []
    for row in shown:
        order = np.argsort(-np.abs(matrix[row]), kind="stable")[:_LEADING]
        known = np.isfinite(matrix[row]).all()
        leading = ", ".join(f"{explanation.features[k]} {matrix[row, k]:+.3g}" for k in order) if known else ""
        rows.append(
            {
                "row": str(labels[row]),
                "output": float(explanation.output[row]),
                "baseline_output": float(explanation.baseline_output[row]),
                "status": str(explanation.status[row]),
                "leading features": leading,
            }
        )
    left = len(explanation) - len(rows)
    heads = {"row": "row", "output": "output", "baseline_output": "at the baseline", "status": "status"}
    heads |= {"leading features": "leading features"}
    return table(rows, heads, more=f"{left:,} more rows; to_frame() has them all." if left else "")


def _outputs(explanation: ExplainedRows) -> str:
    size = np.abs(explanation.matrix)
    rows: list[dict[str, Any]] = []
    for place in range(min(explanation.output.shape[1], 20)):
        own = size[:, place][np.isfinite(size[:, place]).all(axis=1)]
        leading = np.argsort(-own.mean(axis=0), kind="stable")[:_LEADING].tolist() if own.size else []
        rows.append(
            {
                "output": place,
                "mean": float(np.nanmean(explanation.output[:, place])) if len(explanation) else None,
                "leading features": ", ".join(explanation.features[k] for k in leading),
            }
        )
    return table(rows)


def _text(text: str) -> str:
    return html.escape(visible(text))
