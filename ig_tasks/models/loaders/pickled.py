"""Whole torch modules in a pickle: reading one runs what it says, so the package was trusted before this runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import nn  # noqa: TID253

from ig_tasks.errors import ModelError
from ig_tasks.models.loaders.torch import TorchModel, finished

if TYPE_CHECKING:
    from ig_tasks.models.package import ModelPackage

__all__ = ["load"]


def load(package: ModelPackage, device: str) -> TorchModel:
    """The module on `device`, in eval mode.

    Raises ModelError for a file that is no pickle, whose classes cannot be imported, or that holds no module.
    """
    path = package.weights
    try:
        with _importable(_code(package)):
            # Trusted by its digest, which was compared with the file's a moment ago.
            model = torch.load(path, map_location="cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(
            f"weights: the classes of '{path}' cannot be imported here ({text}); install them, or save the state dict"
            " and name a factory"
        ) from error
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(f"weights: '{path}' cannot be read: {type(error).__name__}: {text}") from error
    if isinstance(model, dict):
        raise ModelError(
            f"weights: '{path}' holds a state dict, which is numbers only; write a model.yaml whose `factory` names the"
            " code that builds the model"
        )
    if not isinstance(model, nn.Module):
        raise ModelError(f"weights: '{path}' holds a {type(model).__name__}, not a torch.nn.Module")
    return finished(package, model, device)


def _code(package: ModelPackage) -> list[Path]:
    """Folders with code that came with the pickle: the package's, and `code` of an MLflow model."""
    logged = next((path for path in package.weights.parents if (path / "MLmodel").is_file()), None)
    return [package.root, *([logged / "code"] if logged and (logged / "code").is_dir() else [])]


@contextmanager
def _importable(folders: list[Path]) -> Iterator[None]:
    """Their modules can be imported meanwhile."""
    before = list(sys.path)
    sys.path[:0] = [str(folder) for folder in folders]
    try:
        yield
    finally:
        sys.path[:] = before
