"""Triton before TensorFlow: imported behind it, in one process, triton crashes the interpreter."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

__all__ = ["triton_first"]


def triton_first() -> None:
    """Import triton, if it is there and TensorFlow is not imported yet; to be called before TensorFlow or Keras is.

    The torch of the package index brings it on Linux, and imports it late (an optimizer does, by `torch._dynamo`).
    """
    if "tensorflow" not in sys.modules and "triton" not in sys.modules and find_spec("triton") is not None:
        import_module("triton")
