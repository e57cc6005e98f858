"""torch packages: a factory makes the module, its weights come from safetensors or a state dict."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import nn  # noqa: TID253

from ig_tasks.errors import ModelError, brief, suggest
from ig_tasks.models.code import import_factory
from ig_tasks.models.heads.torch import with_head
from ig_tasks.models.loaded import LoadedModel, check_layers
from ig_tasks.models.outputs import Head

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["TorchModel", "finished", "load", "taken_names"]


def load(package: PackageContents, device: str) -> TorchModel:
    """Build, fill and check the model; eval mode, on `device` ("cpu", "cuda:0", ...)."""
    config = package.config
    factory = config.factory or ""
    build = import_factory(package.root, package.files, package.digest, factory)
    try:
        model = build(**config.arguments)
    except Exception as error:
        text = " ".join(str(error).split())
        raise ModelError(f"factory: {factory} of '{package.uri}' failed: {type(error).__name__}: {text}") from error
    if not isinstance(model, nn.Module):
        kind = type(model).__name__
        raise ModelError(f"factory: {factory} of '{package.uri}' returned a {kind}, not a torch.nn.Module")
    return finished(package, model, device, fill=lambda: _load_weights(package, model))


def finished(
    package: PackageContents, model: nn.Module, device: str, *, fill: Callable[[], None] | None = None
) -> TorchModel:
    """The model checked against model.yaml, filled with its weights, in eval mode and on `device`."""
    _check_inputs(package, model)
    modules = dict(model.named_modules())
    check_layers(package, modules, [n for n, m in modules.items() if isinstance(m, nn.Embedding | nn.EmbeddingBag)])
    if fill is not None:
        fill()
    try:
        model = model.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        raise ModelError(f"the model cannot be moved to device '{device}': {brief(error)}") from error
    return TorchModel(model=model, package=package, device=device)


def taken_names(model: nn.Module) -> list[str]:
    """The names that `forward` takes, as far as it says."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def _check_inputs(package: PackageContents, model: nn.Module) -> None:
    """The inputs are passed by name: see that `forward` takes them before a worker finds that it does not."""
    try:
        parameters = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):
        return  # it cannot be asked
    if package.bare or any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    kind = type(model).__name__
    for name in package.config.inputs:
        if name not in parameters:
            hint = suggest(name, parameters, noun="arguments")
            raise ModelError(f"inputs.{name}: forward of {kind} takes no such argument{hint}")
    for name, parameter in parameters.items():
        if (
            name not in package.config.inputs
            and parameter.default is parameter.empty
            and parameter.kind is not parameter.VAR_POSITIONAL
        ):
            raise ModelError(f"inputs: forward of {kind} needs an input '{name}', which model.yaml does not describe")


def _load_weights(package: PackageContents, model: nn.Module) -> None:
    path = package.weights
    weights: Mapping[str, torch.Tensor]
    try:
        if package.config.file_format == "safetensors":
            from safetensors.torch import load_file

            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(f"weights: '{path}' cannot be read: {type(error).__name__}: {text}") from error
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in weights]
    unexpected = [name for name in weights if name not in wanted]
    shapes = [
        f"'{name}' is {tuple(weights[name].shape)}, the model needs {tuple(wanted[name].shape)}"
        for name in wanted
        if name in weights and weights[name].shape != wanted[name].shape
    ]
    faults = [
        *([f"missing {_first_names(missing)}"] if missing else []),
        *([f"unexpected {_first_names(unexpected)}"] if unexpected else []),
        *shapes[:1],
    ]
    if faults:
        raise ModelError(f"weights: '{path}' does not fit {type(model).__name__}: {'; '.join(faults)}")
    model.load_state_dict(dict(weights))


def _first_names(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more


class TorchModel(LoadedModel):
    """A loaded torch module in eval mode on one device."""

    @property
    def framework(self) -> Literal["torch"]:
        """Always "torch"."""
        return "torch"

    def _call(self, model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            output = model(**self._tensors(inputs))
        if not isinstance(output, torch.Tensor):
            raise ModelError(f"model '{self.package.uri}' returned a {type(output).__name__}, not a tensor")
        return np.asarray(output.cpu().numpy())

    def _call_head(self, model: Any, head: Head, inputs: dict[str, np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            output = with_head(model, head)(**self._tensors(inputs))
        return np.asarray(output.cpu().double().numpy())

    def _tensors(self, inputs: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
        """Copies: a model may change in place what it is given."""
        return {name: torch.tensor(array, device=self.device) for name, array in inputs.items()}

    def _with_head(self, model: Any, head: Head) -> Any:
        return with_head(model, head)
