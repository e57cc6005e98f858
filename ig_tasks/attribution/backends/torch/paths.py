"""Path points in place of layers' outputs: forward hooks that act in one thread and are gone afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.errors import LayerError

__all__ = ["Paths"]


class Paths:
    """Forward hooks that put path points in place of layers' outputs, for the owning thread alone."""

    def __init__(self, layers: dict[str, str], modules: dict[str, torch.nn.Module]) -> None:
        self._layers, self._modules = layers, modules
        self._owner = threading.get_ident()
        self._on = True
        self._comparing = False
        self._points: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._used: dict[str, int] = {}

    @contextmanager
    def hooked(self) -> Iterator[None]:
        self._owner = threading.get_ident()
        with ExitStack() as stack:
            for name, module in self._modules.items():
                handle = module.register_forward_hook(self._hook(name), with_kwargs=True)
                stack.callback(handle.remove)
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._on, before = False, self._on
        try:
            yield
        finally:
            self._on = before

    def override(self, points: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
        """{input: (ids that the model gets, points that take their vectors' place)} for the next call."""
        self._points = points
        self._used = dict.fromkeys(points, 0)

    @contextmanager
    def comparing(self) -> Iterator[None]:
        """Compare what layers give with the points, instead of replacing it."""
        self._comparing = True
        try:
            yield
        finally:
            self._comparing = False

    def check_used(self) -> None:
        for name, count in self._used.items():
            if count == 0:
                raise LayerError(
                    f"layers: '{self._layers[name]}' did not run on input '{name}' when the model was called; "
                    "name the layer that embeds it"
                )

    def _hook(self, layer: str) -> Any:
        def put(module: torch.nn.Module, args: Any, *rest: Any) -> Any:  # noqa: ARG001
            # torch keeps in a second place that a hook takes kwargs: while another thread adds or removes its own,
            # that hook may be called without them here
            if not self._on or threading.get_ident() != self._owner:
                return None
            kwargs, output = rest
            given = next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)), None)
            name = self._match(layer, given)
            points = self._points[name][1]
            self._used[name] += 1
            if isinstance(output, torch.Tensor) and _long(output) == _long(points):
                if output.shape != points.shape:
                    points = points.reshape(output.shape)  # the model may add axes of one to its ids
            else:
                raise LayerError(
                    f"layers: '{layer}' gives {tuple(getattr(output, 'shape', ()))} in the model, "
                    f"but {tuple(points.shape)} for input '{name}' alone"
                )
            if self._comparing:
                if not torch.allclose(output.detach(), points, rtol=1e-4, atol=1e-6, equal_nan=True):
                    raise LayerError(f"layers: '{layer}' is fed with something else than input '{name}'")
                return None
            return points if points.dtype == output.dtype else points.to(output.dtype)

        return put

    def _match(self, layer: str, given: torch.Tensor | None) -> str:
        """The input whose ids this call of the layer embeds."""
        candidates = [name for name in self._points if self._layers[name] == layer]
        same = [name for name in candidates if given is self._points[name][0]]
        if same:
            return same[0]
        fresh = [name for name in candidates if not self._used[name]]
        if len(candidates) == 1 and fresh:
            return fresh[0]
        raise LayerError(
            f"layers: '{layer}' runs several times in one pass, and which run belongs to which input cannot be told; "
            "give each input a layer of its own"
        )


def _long(tensor: torch.Tensor) -> list[int]:
    """The axes that are longer than one."""
    return [size for size in tensor.shape if size != 1]
