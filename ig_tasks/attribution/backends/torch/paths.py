"""Path points in place of layers' outputs: forward hooks that act in one thread and are gone afterwards."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch  # noqa: TID253 - this module is the framework's own, loaded lazily

from ig_tasks.attribution.backends.base import ids_within
from ig_tasks.attribution.feeds import Fed, Route
from ig_tasks.errors import LayerError

__all__ = ["Paths"]


class Paths:
    """Forward hooks that put path points in place of layers' outputs, for the owning thread alone.

    `modules` are the layers that embed, named or not. Calls inside another of them do not count.
    """

    def __init__(self, modules: dict[str, torch.nn.Module], route: Route) -> None:
        self._modules, self.route = modules, route
        self._owner = threading.get_ident()
        self._on = True
        self._depth = 0
        self._calls: Counter[str] = Counter()
        self._points: dict[tuple[str, int], torch.Tensor] = {}
        self._seen: list[Fed] | None = None  # a list: what layers are fed with is noted in it
        self._given: Mapping[str, torch.Tensor] = {}

    @contextmanager
    def hooked(self) -> Iterator[None]:
        self._owner = threading.get_ident()
        with ExitStack() as stack:
            for name, module in self._modules.items():
                stack.callback(module.register_forward_pre_hook(self._enter(name), with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(self._leave(name), with_kwargs=True).remove)
            yield

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._on, before = False, self._on
        try:
            yield
        finally:
            self._on = before

    def override(self, points: Mapping[str, torch.Tensor]) -> None:
        """{path: points that take the place of its layer's vectors} for the next call."""
        self._begin()
        self._points = {(feed.layer, feed.call): points[feed.key] for feed in self.route.feeds}

    @contextmanager
    def watching(self, given: Mapping[str, torch.Tensor]) -> Iterator[list[Fed]]:
        """Note what layers are fed with, instead of replacing what they give; `given` are the model's inputs."""
        self._begin()
        self._points, self._seen, self._given = {}, [], given
        try:
            yield self._seen
        finally:
            self._seen, self._given = None, {}

    def check_used(self) -> None:
        for layer, call in self._points:
            if self._calls[layer] <= call:
                raise LayerError(
                    f"layers: '{layer}' was called {self._calls[layer]} times in a pass, and more often on the first "
                    "rows; cannot tell which call belongs to which input"
                )

    def _begin(self) -> None:
        self._depth = 0
        self._calls.clear()

    @property
    def _idle(self) -> bool:
        return not self._on or threading.get_ident() != self._owner

    def _enter(self, layer: str) -> Any:
        size = getattr(self._modules[layer], "num_embeddings", None)

        def enter(module: torch.nn.Module, args: Any, *rest: Any) -> None:  # noqa: ARG001
            if self._idle:
                return
            self._depth += 1
            # An id from outside would end the process on a device, so that the layer does not get to see it.
            if self._seen is not None and self._depth == 1 and isinstance(size, int):
                given = _ids_of(args, rest[0] if rest else {})
                if given is not None and not given.is_floating_point():
                    ids_within(_numpy(given), size, layer)

        return enter

    def _leave(self, layer: str) -> Any:
        def put(module: torch.nn.Module, args: Any, *rest: Any) -> Any:  # noqa: ARG001
            # torch keeps in a second place that a hook takes kwargs: while another thread adds or removes its own,
            # that hook may be called without them here
            if self._idle:
                return None
            self._depth -= 1
            if self._depth > 0:
                return None
            kwargs, output = rest
            call = self._calls[layer]
            self._calls[layer] += 1
            if self._seen is not None:
                self._note(layer, call, _ids_of(args, kwargs))
                return None
            points = self._points.get((layer, call))
            if points is None:
                return None
            if not isinstance(output, torch.Tensor) or _long(output) != _long(points):
                raise LayerError(
                    f"layers: '{layer}' gives {tuple(getattr(output, 'shape', ()))} in the model, "
                    f"but {tuple(points.shape)} for its ids alone"
                )
            if output.shape != points.shape:
                points = points.reshape(output.shape)
            return points if points.dtype == output.dtype else points.to(output.dtype)

        return put

    def _note(self, layer: str, call: int, given: torch.Tensor | None) -> None:
        if self._seen is None:
            return
        same = None
        if given is not None and given._version == 0:  # what the model wrote into an input is not what it was given
            same = next((name for name, tensor in self._given.items() if tensor is given), None)
        ids = None if same is not None or given is None else _numpy(given)
        self._seen.append(Fed(layer, call, same, ids))


def _ids_of(args: Any, kwargs: Any) -> torch.Tensor | None:
    return next((value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)), None)


def _numpy(ids: torch.Tensor) -> Any:
    return np.asarray(ids.detach().cpu().numpy()).astype(np.int64)


def _long(tensor: torch.Tensor) -> list[int]:
    """The axes that are longer than one."""
    return [size for size in tensor.shape if size != 1]
