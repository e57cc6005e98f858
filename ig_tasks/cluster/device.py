"""The device on which a worker computes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ig_tasks.import_order import triton_first

__all__ = ["choose_device"]

logger = logging.getLogger(__name__)


def choose_device(resources: Mapping[str, float], *, framework: str = "torch") -> str:
    """The device: "cuda" if the spec asks for a GPU (`compute.resources: {GPU: 1}`) and there is one, else "cpu".

    A GPU that nobody asked for is left to those who did. Call it in the worker: it imports `framework`
    ("torch" or "tensorflow") when a GPU is asked for.
    """
    if not resources.get("GPU"):
        return "cpu"
    if _sees_gpu(framework):
        return "cuda"
    logger.warning(
        "compute.resources asks for a GPU and %s sees none on this worker (is it a build for CPU?); using the CPU",
        framework,
    )
    return "cpu"


def _sees_gpu(framework: str) -> bool:
    try:
        if framework == "torch":
            import torch

            return bool(torch.cuda.is_available())
        if framework == "tensorflow":
            triton_first()
            import tensorflow as tf

            return bool(tf.config.list_physical_devices("GPU"))
    except ImportError:  # the model's loader says what to install
        return False
    return False
