"""A torch module looked through: hooks on its layers, and every operation that reads what an input became."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.torch.affine import leaves
from ig_tasks.attribution.backends.torch.causes import require_weights
from ig_tasks.attribution.backends.torch.model import accepted_names, as_wanted, embedding_layers, float_dtype
from ig_tasks.doctor.observation import Observation, Route
from ig_tasks.doctor.torch_trace import Trace
from ig_tasks.errors import InputError

__all__ = ["TorchSide"]

Array = npt.NDArray[Any]


class TorchSide:
    """A torch.nn.Module."""

    framework = "torch"

    def __init__(self, model: torch.nn.Module, placed: Sequence[str] = ()) -> None:
        self._placed = placed  # names of inputs that are passed by position
        self.model = getattr(model, "_orig_mod", model)  # hooks do not reach into compiled graphs
        require_weights(self.model)
        self._device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        self._dtype = float_dtype(self.model) or torch.float32

    def known_layers(self) -> list[str]:
        """Names of all layers, in the order of the model."""
        return [name for name, _ in self.model.named_modules() if name]

    def embedding_layers(self) -> list[str]:
        """Names of the embedding layers."""
        return embedding_layers(self.model)

    def input_names(self) -> list[str] | None:
        """Names that the model takes; None where it does not say."""
        known, _, open_ended = accepted_names(self.model)
        return None if open_ended else known

    def observe(self, inputs: Mapping[str, Array], layers: Collection[str]) -> Observation:
        """Run the model once; `layers` are named by the user, and noted whatever they are."""
        tensors = self._tensors(inputs)
        for tensor in tensors.values():
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                tensor.requires_grad_()
        trace = Trace(tensors, frozenset(layers), {id(p): name for name, p in self.model.named_parameters()})
        with self._session(gradients=True), trace.hooked(self.model), trace:
            raw = self._run(tensors)
        if any(isinstance(module, torch.jit.ScriptModule) for module in self.model.modules()):
            return Observation(tuple(trace.calls), clear=False)
        routes = frozenset(label for label in trace.labels(raw) if isinstance(label, Route))
        return Observation(tuple(trace.calls), routes, frozenset(trace.left))

    def outputs(self, inputs: Mapping[str, Array]) -> npt.NDArray[np.float64]:
        """All outputs side by side, (rows, numbers)."""
        with self._session(gradients=False):
            outputs = leaves([self._run(self._tensors(inputs))])
        return np.concatenate([each.detach().cpu().double().reshape(len(each), -1).numpy() for each in outputs], axis=1)

    @contextmanager
    def _session(self, *, gradients: bool) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(mode=False))
            stack.enter_context(torch.set_grad_enabled(gradients))
            stack.enter_context(as_wanted(self.model, self._device))
            yield

    def _run(self, tensors: dict[str, torch.Tensor]) -> Any:
        # Copies: a model may change its inputs in place, which autograd forbids for a leaf.
        own = {name: value.clone() if isinstance(value, torch.Tensor) else value for name, value in tensors.items()}
        placed = [own.pop(name) for name in self._placed]
        return self.model(*placed, **own)

    def _tensors(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        tensors = {}
        for name, array in inputs.items():
            if not isinstance(array, np.ndarray):
                tensors[name] = array
                continue
            if array.dtype.kind not in "fiub":
                raise InputError(f"inputs['{name}']: torch takes no {array.dtype}; give the ids that stand for it")
            tensor = torch.as_tensor(np.ascontiguousarray(array), device=self._device)
            tensors[name] = tensor.to(self._dtype) if tensor.is_floating_point() else tensor
        return tensors
