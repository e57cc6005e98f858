"""Whole torch modules in a pickle: reading one runs what it says, so the package was trusted before this runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import nn  # noqa: TID253

from ig_tasks.errors import ModelError
from ig_tasks.models import mlflow
from ig_tasks.models.digest import file_digests
from ig_tasks.models.loaders.torch import TorchModel, finished
from ig_tasks.models.private_modules import PrivateModules

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["load"]


def load(package: PackageContents, device: str) -> TorchModel:
    """The module on `device`, in eval mode.

    Raises:
        ModelError: for a file that is no pickle, whose classes cannot be imported, or that holds no module.
    """
    path, code = package.weights, _code(package)
    try:
        with PrivateModules(code).importable():
            # Trusted by its digest, which was compared with the file's a moment ago.
            model = torch.load(path, map_location="cpu", weights_only=False)
    except ModelError:
        raise
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


def _code(package: PackageContents) -> dict[Path, Mapping[str, str]]:
    """Folders with code that came with the pickle: the package's, and that of an MLflow model; their files' digests.

    Beside a bare file nothing counts in its digest, so that its classes are imported from where Python finds them.
    """
    folders: dict[Path, Mapping[str, str]] = {} if package.bare else {package.root: package.files}
    logged = next((path for path in package.weights.parents if (path / mlflow.FILE).is_file()), None)
    code = mlflow.code_inside(logged) if logged is not None else None
    if logged is None or code is None:
        return folders
    # A bare model is the folder that was logged; one of a package may lie in the cache, which checked it a moment ago.
    base = logged if package.bare else package.root
    if code.is_relative_to(base):
        below = f"{code.relative_to(base).as_posix()}/"
        known = {name.removeprefix(below): digest for name, digest in package.files.items() if name.startswith(below)}
        return {**folders, code: known}
    return {**folders, code: file_digests(code)}
