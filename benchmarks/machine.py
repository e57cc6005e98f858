"""The machine in general words, and the versions that ran."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.results import Machine

__all__ = ["machine"]

LIBRARIES = ("torch", "tensorflow", "keras", "numpy", "captum", "shap", "saliency", "transformers")
_VECTORS = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}


def machine() -> Machine:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        processor=_processor(),
        memory_gigabytes=round(psutil.virtual_memory().total / 2**30),
        system=platform.system(),
        python=platform.python_version(),
        versions=versions,
    )


def _processor() -> str:
    """Architecture, maker, and the widest vectors that it has."""
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in said.splitlines() if line.startswith("model name")]
    vectors = next((name for flag, name in _VECTORS.items() if flag in said), "")
    return ", ".join(part for part in (platform.machine(), names[0] if names else "", vectors) if part)
