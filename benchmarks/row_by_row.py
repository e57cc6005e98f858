"""Libraries that explain one row at a time, timed on a few: SHAP's GradientExplainer, PAIR saliency."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported when a torch contest runs

from benchmarks.contest import Attributed, Contestant, Refused

__all__ = ["saliency", "shap"]

SAMPLES = 200
STEPS = 25


def shap(model: torch.nn.Module, inputs: torch.Tensor, rows: int) -> Contestant:
    """Expected gradients with the zero baseline as the only background row: Integrated Gradients at random places."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            from shap import GradientExplainer
    except ImportError as error:
        raise Refused(f"SHAP is not installed ({error})") from error
    explainer = GradientExplainer(model, torch.zeros_like(inputs[:1]))

    def explain(count: int) -> Attributed:
        found = np.asarray(explainer.shap_values(inputs[:count], nsamples=SAMPLES, rseed=0), dtype=np.float64)
        return Attributed(found.reshape(count, -1))

    setting = f"GradientExplainer, {SAMPLES} samples (its default)"
    return Contestant("shap", "SHAP", setting, rows, explain, SAMPLES)


def saliency(model: torch.nn.Module, inputs: torch.Tensor, rows: int, *, batched: bool) -> Contestant:
    """PAIR saliency's IntegratedGradients: one point a call by default; here also all points of a row in one call."""
    try:
        import saliency.core as pair
    except ImportError as error:
        raise Refused(f"saliency is not installed ({error})") from error
    method, arrays = pair.IntegratedGradients(), inputs.numpy()

    def gradients(points: Any, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, Any]:  # noqa: ARG001 - its interface
        x = torch.from_numpy(np.asarray(points, dtype=np.float32)).requires_grad_()
        (found,) = torch.autograd.grad(model(x).sum(), x)
        return {pair.INPUT_OUTPUT_GRADIENTS: found.numpy()}

    def explain(count: int) -> Attributed:
        size = STEPS if batched else 1
        found = [method.GetMask(row, gradients, x_steps=STEPS, batch_size=size) for row in arrays[:count]]
        return Attributed(np.asarray(found, dtype=np.float64).reshape(count, -1))

    setting = f"{STEPS} steps, all in one batch" if batched else f"{STEPS} steps (its default)"
    return Contestant("saliency/batched" if batched else "saliency", "PAIR saliency", setting, rows, explain, STEPS)
