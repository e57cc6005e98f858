"""Load a model so that it stays differentiable, and choose its output.

Names are imported when they are first used: importing this package imports no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_tasks.models.contents import Feature
    from ig_tasks.models.loaded import LoadedModel
    from ig_tasks.models.opening import load_model, open_package
    from ig_tasks.models.package import ModelPackage

__all__ = ["Feature", "LoadedModel", "ModelPackage", "load_model", "open_package"]

_HOME = {
    "Feature": "contents",
    "LoadedModel": "loaded",
    "ModelPackage": "package",
    "load_model": "opening",
    "open_package": "opening",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
