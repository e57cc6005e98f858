"""Scheduled, proven feature importance for deep models: Integrated Gradients on Airflow and Dask.

The public face. Every name is imported when it is first used, so that `import ig_tasks` takes milliseconds
and a DAG file that imports it stays light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_tasks.attribution.registration import register_operation
    from ig_tasks.baselines.arrays import Samples
    from ig_tasks.baselines.doctor import judge_baselines
    from ig_tasks.baselines.strategy import Strategy
    from ig_tasks.doctor import Diagnosis, diagnose
    from ig_tasks.explanations.explain import explain
    from ig_tasks.explanations.explanation import Explanation
    from ig_tasks.explanations.finished_run import open_run
    from ig_tasks.models import load_model
    from ig_tasks.validation.drift.compare import compare

__all__ = [
    "Diagnosis",
    "Explanation",
    "Samples",
    "Strategy",
    "__version__",
    "compare",
    "diagnose",
    "explain",
    "judge_baselines",
    "load_model",
    "open_run",
    "register_operation",
]

__version__ = "0.1.0"

_HOME = {
    "Diagnosis": "ig_tasks.doctor",
    "Explanation": "ig_tasks.explanations.explanation",
    "Samples": "ig_tasks.baselines.arrays",
    "Strategy": "ig_tasks.baselines.strategy",
    "compare": "ig_tasks.validation.drift.compare",
    "diagnose": "ig_tasks.doctor",
    "explain": "ig_tasks.explanations.explain",
    "judge_baselines": "ig_tasks.baselines.doctor",
    "load_model": "ig_tasks.models",
    "open_run": "ig_tasks.explanations.finished_run",
    "register_operation": "ig_tasks.attribution.registration",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if not name.startswith("_"):
        # Modules of the package, such as ig_tasks.errors, are there as if they had been imported.
        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise  # the module is there; what it imports is not
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
