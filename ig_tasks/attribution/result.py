"""What the engine hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.presentation.methods import method_facts

__all__ = ["CONVERGED", "MAX_EVALUATIONS", "NOT_FINITE", "UNVERIFIED", "AttributionResult"]

CONVERGED = "converged"
UNVERIFIED = "unverified"
MAX_EVALUATIONS = "max_evaluations"
NOT_FINITE = "not_finite"

_REMEDY = {
    UNVERIFIED: "add up to within the tolerance, but a rule of fixed steps has no error estimate to prove them: "
    "leave steps out and use integrator='auto'",
    MAX_EVALUATIONS: "did not reach the tolerance: raise max_evaluations (or steps), or the tolerance",
    NOT_FINITE: "met a NaN or an infinity in the input, the baseline, the output or a gradient",
}


@dataclass(frozen=True, repr=False)
class AttributionResult:
    """Attributions of a number of rows, with the proof of how good they are.

    With `target="all"` every array has the outputs as its second axis: (rows, outputs, ...).
    """

    attributions: npt.NDArray[np.float64] | dict[str, npt.NDArray[np.float64]]
    """Shaped like the inputs; an embedded input has one number per id. NaN in rows that are `not_finite`."""
    output: npt.NDArray[np.float64]
    """Model output at the input (rows,)."""
    baseline_output: npt.NDArray[np.float64]
    """Model output at the baseline (rows,)."""
    convergence_delta: npt.NDArray[np.float64]
    """Sum of attributions - (output - baseline_output), (rows,)."""
    relative_delta: npt.NDArray[np.float64]
    """|convergence_delta| / max(|output - baseline_output|, 0.1 sum of |attributions|), (rows,).

    What the rounding of the outputs in their dtype may amount to is taken off the delta.
    """
    error_estimate: npt.NDArray[np.float64]
    """Estimated relative L1 error of the row's attributions (rows,); NaN where a fixed rule has none."""
    evaluations: npt.NDArray[np.int32]
    """Gradient evaluations spent on the row (rows,)."""
    status: npt.NDArray[np.str_]
    """"converged", "unverified", "max_evaluations" or "not_finite" (rows,).

    `unverified`: the delta is within the tolerance, and there is no error estimate that would prove the row.
    """
    details: dict[str, Any] = field(default_factory=dict)
    """What ran, and why: method, integrator, framework, precision, device, evaluations by level, batches."""
    standard_error: npt.NDArray[np.float64] | dict[str, npt.NDArray[np.float64]] | None = None
    """Standard error of each attribution, as another draw of the baselines would change it; None without a draw."""
    refused: dict[int, str] = field(default_factory=dict)
    """{row: why} of rows whose path would not start and end at the model's own outputs; their numbers are NaN."""

    def __len__(self) -> int:
        return len(self.output)

    @property
    def attribution_size(self) -> npt.NDArray[np.float64]:
        """Sum of |attributions| over all elements of all inputs (rows,): `error_estimate` is relative to it."""
        attributions = self.attributions
        arrays = list(attributions.values()) if isinstance(attributions, dict) else [attributions]
        axes = self.output.ndim
        sizes = [np.abs(array).sum(axis=tuple(range(axes, array.ndim)), dtype=np.float64) for array in arrays]
        return np.asarray(sum(sizes))

    @property
    def method(self) -> str:
        """The name of the method."""
        return str(self.details.get("method", "integrated_gradients"))

    def __repr__(self) -> str:
        if not len(self):
            return f"{type(self).__name__}: no rows"
        kinds, counts = np.unique(self.status, return_counts=True)
        counted = ", ".join(f"{count} {kind}" for kind, count in zip(kinds, counts, strict=True))
        mean = f"{self.evaluations.mean():.1f}" if self.evaluations.size else "0"
        lines = [f"{type(self).__name__}: {len(self)} rows ({counted}), {mean} gradient evaluations per row"]
        if below := self.details.get("below_rounding"):
            lines.append(f"  {below} of the converged: all effects together are below the rounding of the output")
        lines += [f"  {kind}: {self._remedy(str(kind))}" for kind in kinds if str(kind) in _REMEDY]
        return "\n".join(lines)

    def _remedy(self, kind: str) -> str:
        unproven = method_facts(self.method).unproven
        return unproven if kind == UNVERIFIED and unproven else _REMEDY[kind]
