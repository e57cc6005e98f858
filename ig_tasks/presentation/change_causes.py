"""What made a feature change, in words: the same in the comparison's sentences and on the report's page."""

from __future__ import annotations

__all__ = ["CAUSES"]

CAUSES = {
    "model": "the model",
    "data": "the data",
    "own": "its own values",
    "others": "other features' values",
    "baseline": "the baseline",
    "model or data": "the model or the data",
    "baseline or data": "the baseline or the data",
}
