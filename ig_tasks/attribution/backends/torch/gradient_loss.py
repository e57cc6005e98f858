"""Where a model loses its gradients: the first operation whose result no longer depends on the inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily
from torch.overrides import TorchFunctionMode  # noqa: TID253

from ig_tasks.attribution.backends.torch.affine import leaves
from ig_tasks.attribution.backends.torch.operations import ATTRIBUTES, spelled
from ig_tasks.attribution.backends.torch.registry import named

__all__ = ["where_gradient_is_lost"]


_STEPS = named(lambda known: known.counts)
"""Operations that say which, or how many, where they were given how much."""


class _Trace(TorchFunctionMode):  # type: ignore[misc]  # torch is not followed by mypy
    """Notes operations that read values with a gradient and give some without."""

    def __init__(self, inside: list[str]) -> None:
        super().__init__()
        self.inside, self.lost, self.steps = inside, "", False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = spelled(func)
        reads = any(hasattr(tensor, "_ig_path") for tensor in leaves((args, kwargs or {})))
        given = leaves([result])
        data = name == "data" or name not in ATTRIBUTES  # `.data` is an attribute that hands values on
        if reads and data and not self.lost and given and not any(tensor.requires_grad for tensor in given):
            layer = f" in layer '{self.inside[-1]}'" if self.inside and self.inside[-1] else ""
            unheeded = "" if torch.is_grad_enabled() else ", under torch.no_grad()"
            self.lost, self.steps = f"'{name}'{layer}{unheeded}", name in _STEPS
        elif reads and name in ("numpy", "tolist", "item", "__array__") and not self.lost:
            self.lost = f"'{name}', which leaves torch"
        for tensor in given if reads else ():
            if tensor.requires_grad:
                tensor._ig_path = True
        return result


def where_gradient_is_lost(
    model: torch.nn.Module, points: Iterable[torch.Tensor], call: Callable[[], Any], *, advise: bool = True
) -> str:
    """In words, to end a sentence with: '; they are lost at ...', or nothing where it cannot be seen.

    `call` runs the model once on `points`, inputs that require gradients. `advise`: with a remedy.
    """
    inside: list[str] = []
    trace = _Trace(inside)
    for point in points:
        point._ig_path = True
    with _layers_noted(model, inside), trace:
        call()
    if trace.lost:
        remedy = "; explain the number that it is taken from, such as the logits" if advise and trace.steps else ""
        return f"; they are lost at {trace.lost}{remedy}"
    scripted = next(
        (name for name, module in model.named_modules() if isinstance(module, torch.jit.ScriptModule)), None
    )
    if scripted is not None:
        where = f"layer '{scripted}'" if scripted else "the model"
        return f"; {where} is TorchScript that was frozen or traced without them: load it as a plain module"
    return ""


@contextmanager
def _layers_noted(model: torch.nn.Module, inside: list[str]) -> Iterator[None]:
    """The names of the layers that are running, innermost last."""

    def enter(name: str) -> Callable[..., None]:
        def before(*_: Any) -> None:
            inside.append(name)

        return before

    def leave(*_: Any) -> None:
        inside.pop()

    with ExitStack() as stack:
        for name, module in model.named_modules():
            if not isinstance(module, torch.jit.ScriptModule):
                stack.callback(module.register_forward_pre_hook(enter(name)).remove)
                stack.callback(module.register_forward_hook(leave).remove)
        yield
