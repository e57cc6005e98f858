"""Captum's Integrated Gradients: as it comes, and with the batches that suit it best."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported when a torch contest runs

from benchmarks.contest import Attributed, Contestant, Refused, log

__all__ = ["DEFAULT", "DEFAULT_STEPS", "CaptumRuns", "integrated_gradients", "parse"]

DEFAULT_STEPS = 50
DEFAULT = f"captum/{DEFAULT_STEPS}/all"
EXPANDED_BYTES = 1 << 30
"""Captum holds rows x steps copies of the input. Rows are given to it in parts of a GiB of those at most, since its
default on all rows of a wide table would take more than the machine has. That makes it faster, not slower."""

TIMED_ROWS = 5_000
"""Rows that Captum is timed on with batches of one size, whose time goes with the rows alone; its default gets all."""

Attribute = Callable[[slice, int, int | None], Any]
"""(rows, steps, internal_batch_size) -> tensor of attributions"""


def parse(key: str) -> tuple[int, str]:
    """Steps and batches of a key: captum/50/all, captum/50/points=4096, captum/50/internal=20000."""
    _, steps, batches = key.split("/")
    return int(steps), batches


class CaptumRuns:
    """Contestants by key, for one model.

    `all` gives it all rows and says nothing of batches. `points=P` gives it as many rows at a time as make P points
    with their steps, and where one row has more, internal_batch_size=P. `internal=N` gives it all rows with
    internal_batch_size=N: it splits steps, never rows, so N = rows is one step of all rows at a time.
    """

    def __init__(self, rows: int, row_bytes: int, attribute: Attribute) -> None:
        self.rows, self.row_bytes, self.attribute = rows, row_bytes, attribute

    def contestant(self, key: str) -> Contestant:
        steps, batches = parse(key)
        rows = self.rows if batches == "all" else min(self.rows, TIMED_ROWS)
        return Contestant(key, "Captum", self._said(steps, batches), rows, self._explain(steps, batches), steps)

    def _said(self, steps: int, batches: str) -> str:
        kind, _, size = batches.partition("=")
        if kind == "all":
            return f"{steps} steps" + (" (its default)" if steps == DEFAULT_STEPS else "")
        how = f"{int(size):,} points" if kind == "points" else "all rows, one step at a time"
        return f"{steps} steps, best batch ({how})"

    def _plan(self, steps: int, batches: str) -> tuple[int, int | None]:
        """Rows a call, and its internal_batch_size."""
        kind, _, size = batches.partition("=")
        if kind == "points":
            return max(1, int(size) // steps), int(size) if steps > int(size) else None
        return max(1, EXPANDED_BYTES // (steps * self.row_bytes)), int(size) if kind == "internal" else None

    def _explain(self, steps: int, batches: str) -> Callable[[int], Attributed]:
        at_once, internal = self._plan(steps, batches)

        def explain(rows: int) -> Attributed:
            parts = []
            for at in range(0, rows, at_once):
                part = slice(at, min(at + at_once, rows))
                found = self.attribute(part, steps, internal)
                parts.append(np.asarray(found.detach(), dtype=np.float64).reshape(part.stop - part.start, -1))
            return Attributed(np.concatenate(parts))

        return explain

    def best(self, candidates: Sequence[str], rows: int, steps: int = DEFAULT_STEPS) -> str:
        """The key of the fastest of `candidates` on `rows` rows."""
        spent = {}
        for batches in candidates:
            explain = self._explain(steps, batches)
            explain(max(1, rows // 8))
            started = time.perf_counter()
            explain(rows)
            spent[batches] = time.perf_counter() - started
        best = min(spent, key=lambda batches: spent[batches])
        tried = ", ".join(f"{batches} {seconds:.2f} s" for batches, seconds in spent.items())
        log(f"  Captum's batches, {steps} steps, {rows} rows: {tried}")
        return f"captum/{steps}/{best}"


def integrated_gradients(model: Any) -> Any:
    """captum.attr.IntegratedGradients(model). Raises Refused."""
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise Refused(f"Captum is not installed ({error})") from error
    return IntegratedGradients(model)


def plain(model: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor | None = None) -> CaptumRuns:
    """For a model of one float tensor and a baseline of zeros. Raises Refused."""
    method = integrated_gradients(model)

    def attribute(rows: slice, steps: int, internal: int | None) -> Any:
        target = 0 if targets is None else targets[rows]
        return method.attribute(inputs[rows], 0.0, target=target, n_steps=steps, internal_batch_size=internal)

    return CaptumRuns(len(inputs), inputs[0].numel() * inputs.element_size(), attribute)
