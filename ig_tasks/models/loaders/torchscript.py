"""TorchScript: a program of its own, which differentiates unless it was compiled so that it does not."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before

from ig_tasks.errors import LayerError, ModelError
from ig_tasks.models.loaders.facade import Facade
from ig_tasks.models.loaders.torch import TorchModel, finished

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["load"]


def load(package: PackageContents, device: str) -> TorchModel:
    """The scripted or traced module on `device`.

    Raises:
        ModelError: for a file that is not TorchScript, or a program that takes something other than tensors.
        LayerError: for an embedding layer, since no path can run inside the program.
    """
    path = package.weights
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch prefers its exported programs, and so do we
            script = torch.jit.load(path, map_location=device)
        arguments = script.forward.schema.arguments[1:]
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise ModelError(f"weights: '{path}' cannot be read as TorchScript: {text}") from error
    for argument in arguments:
        if "Tensor" not in str(argument.type) and not argument.has_default_value():
            raise ModelError(
                f"weights: '{path.name}' takes '{argument.name}', a {argument.type}, not a tensor; wrap it in a module"
            )
    embedded = next((name for name, spec in package.config.inputs.items() if spec.layer is not None), None)
    if embedded is not None:
        raise LayerError(
            f"inputs.{embedded}.layer: no path can run in a layer inside TorchScript; save the model with torch.export"
            " (.pt2), or its state dict with a factory"
        )
    if getattr(script, "training", False):
        script.eval()
    return finished(package, Script.of(script, [argument.name for argument in arguments]), device)


class Script(Facade):
    """The program under one roof: its own class says nothing of the names that it takes."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        if next(self.parameters(), None) is None and next(self.buffers(), None) is None:
            # Frozen, its numbers are constants, which nobody sees. Something has to say that it takes single precision.
            object.__setattr__(self, "_buffers", {})
            self.register_buffer("precision", torch.zeros(()), persistent=False)

    def answer(self, inputs: dict[str, torch.Tensor]) -> Any:
        output = self.inner(**inputs)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs.values()) and _detached(output):
            raise ModelError(
                "model: this TorchScript was frozen or traced without gradients, and its output does not depend on the"
                " inputs through differentiable operations; save the model with torch.export (.pt2), or its state dict"
                " with a factory"
            )
        return output


def _detached(output: Any) -> bool:
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, tuple | list) else [output]
    return not any(isinstance(part, torch.Tensor) and part.requires_grad for part in parts)
