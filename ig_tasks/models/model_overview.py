"""What a notebook shows first of a loaded model: whose it is, what it takes, and what it can be asked."""

from __future__ import annotations

import html
from typing import Any

from ig_tasks.charts.notebook import section, table
from ig_tasks.models.config import ModelConfig
from ig_tasks.presentation.visible import visible

__all__ = ["model_html"]

_SHOWN = 40


def model_html(config: ModelConfig, uri: str, digest: str, kind: str, device: str) -> str:
    """The card, the inputs and the targets of a package."""
    card = config.card
    title = " ".join(part for part in (card.name or uri, card.version) if part)
    parts = [f"<p>{_text(card.intended_use)}</p>"] if card.intended_use else []
    owner = f"; owner {card.owner}" if card.owner else ""
    parts.append(f"<p class=ig-soft>{_text(f'{kind} on {device}{owner}')}</p>")
    inputs: list[dict[str, Any]] = [
        {
            "input": name,
            "kind": spec.kind,
            "columns": ", ".join(spec.columns[:8]) + ("…" if len(spec.columns) > 8 else ""),
            "layer": ", ".join(spec.layer_names) or None,
        }
        for name, spec in config.inputs.items()
    ]
    left = len(inputs) - _SHOWN
    parts.append(table(inputs[:_SHOWN], more=f"{left} more inputs." if left > 0 else ""))
    targets: list[dict[str, Any]] = [
        {"target": name, "space": target.space, "calibrated": "yes" if target.calibration is not None else None}
        for name, target in config.targets.items()
    ]
    parts.append(table(targets[:_SHOWN]))
    for name, figures in (card.model_extra or {}).items():
        if isinstance(figures, dict):
            told = ", ".join(f"{key} {value}" for key, value in figures.items())
            parts.append(f"<p class=ig-soft>{_text(f'{name}: {told}')}</p>")
    parts.append(f"<p class=ig-soft>{_text(uri)}<br>{_text(digest)}</p>")
    return section(*parts, title=title)


def _text(text: str) -> str:
    return html.escape(visible(text))
