"""What each tensor of a torch call depends on, and which layers were called on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch  # noqa: TID253 - this module is the framework's own, loaded lazily
from torch.overrides import TorchFunctionMode  # noqa: TID253

from ig_tasks.attribution.backends.torch.affine import leaves
from ig_tasks.attribution.backends.torch.operations import ATTRIBUTES, spelled
from ig_tasks.attribution.backends.torch.registry import OPERATIONS
from ig_tasks.doctor.observation import Call, Cut, Labels, Route, cut_off

__all__ = ["Trace"]

_COMPARISONS, _MAXIMA, _STEPS, _LOOKUPS, _FRESH, _LIKE, _OUTSIDE = (
    frozenset(name for name, known in OPERATIONS.items() if known.doctor == kind)
    for kind in ("comparison", "arg-max", "rounding", "lookup", "fresh", "like", "outside")
)


class Trace(TorchFunctionMode):  # type: ignore[misc]  # torch is not followed by mypy
    """Labels of tensors, by id: nothing is written on the tensors, which may be the model's own."""

    def __init__(self, inputs: dict[str, torch.Tensor], named: frozenset[str], owners: dict[int, str]) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.left: set[Route] = set()
        self._inputs, self._named, self._owners = inputs, named, owners
        self._inside: list[tuple[str, torch.nn.Module]] = []
        self._labels: dict[int, Labels] = {}
        self._kept: list[torch.Tensor] = []  # an id is a tensor's as long as it lives
        self._off = False
        for name, tensor in inputs.items():
            self._mark(tensor, frozenset({Route(name)}))

    def labels(self, values: Any) -> Labels:
        """What any tensor among the values depends on."""
        return frozenset().union(*(self._labels.get(id(tensor), frozenset()) for tensor in leaves([values])))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = kwargs or {}
        result = func(*args, **keywords)
        if self._off:
            return result
        name = spelled(func).split(".")[0]
        # A tensor that another is only made like has none of its values read.
        reads = self.labels(args[:1] if name in _LIKE else (args, keywords))
        if not reads or name in _FRESH or (name in ATTRIBUTES and name != "data"):
            return result
        made = [args[0]] if name == "__setitem__" else leaves([result])
        if not made and name in _OUTSIDE:
            behind = cut_off(reads, Cut("outside", f"'{name}'{self._layer_words()}"))
            self.left |= {label for label in behind if isinstance(label, Route)}
        for tensor in made:
            self._mark(tensor, self._output_labels(name, args, keywords, tensor, reads))
        return result

    def _output_labels(self, name: str, args: Any, keywords: Any, made: torch.Tensor, reads: Labels) -> Labels:
        """Labels of a tensor that an operation made of what it read."""
        plain = name.strip("_") if name.endswith("_") and not name.startswith("__") else name
        where = f"'{name}'{self._layer_words()}"
        if plain in ("embedding", "embedding_bag") or plain in _LOOKUPS:
            among = [args[1:], keywords] if plain in _LOOKUPS else [args, keywords]
            index = [tensor for tensor in leaves(among) if not tensor.is_floating_point()]
            others = [tensor for tensor in leaves([args, keywords]) if not any(tensor is each for each in index)]
            return self.labels(others) | cut_off(self.labels(index), self._table(plain, others))
        kind = (
            "comparison" if plain in _COMPARISONS
            else "one-hot" if plain == "one_hot"
            else "rounding" if plain in _STEPS
            else "arg-max" if plain in _MAXIMA and not made.is_floating_point()
            else ""
        )  # fmt: skip
        read = leaves([args, keywords])
        if not kind and not made.is_floating_point() and any(t.is_floating_point() and self.labels(t) for t in read):
            kind = "integers"
        if not kind and not made.requires_grad and any(t.requires_grad and self._open(t) for t in read):
            kind, where = "detached", where + ("" if torch.is_grad_enabled() else ", under torch.no_grad()")
        return cut_off(reads, Cut(kind, where)) if kind else reads

    def _table(self, operation: str, others: list[torch.Tensor]) -> Cut:
        if self._inside and isinstance(self._inside[-1][1], torch.nn.Embedding | torch.nn.EmbeddingBag):
            return Cut("embedding", f"'{self._inside[-1][0]}'")
        owner = next((self._owners[id(tensor)] for tensor in others if id(tensor) in self._owners), None)
        return Cut("table", f"parameter '{owner}'" if owner else f"'{operation}'{self._layer_words()}")

    def _open(self, tensor: torch.Tensor) -> bool:
        return any(isinstance(label, Route) and label.cut is None for label in self.labels(tensor))

    def _layer_words(self) -> str:
        return f" in layer '{self._inside[-1][0]}'" if self._inside and self._inside[-1][0] else ""

    def _mark(self, tensor: torch.Tensor, labels: Labels) -> None:
        self._labels[id(tensor)] = labels
        self._kept.append(tensor)

    # -- layers --------------------------------------------------------------------------------------------

    @contextmanager
    def hooked(self, model: torch.nn.Module) -> Iterator[None]:
        """Hooks on every layer, gone afterwards."""

        def enter(name: str) -> Callable[..., None]:
            def before(module: torch.nn.Module, *_: Any) -> None:
                self._inside.append((name, module))

            return before

        def leave(module: torch.nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            name = self._inside.pop()[0]
            before, self._off = self._off, True
            try:
                self._record_call(name, module, [*args, *kwargs.values()], output)
            finally:
                self._off = before

        with ExitStack() as stack:
            for name, module in model.named_modules():
                if name and not isinstance(module, torch.jit.ScriptModule):
                    stack.callback(module.register_forward_pre_hook(enter(name)).remove)
                    stack.callback(module.register_forward_hook(leave, with_kwargs=True).remove)
            yield

    def _record_call(self, name: str, module: torch.nn.Module, arguments: list[Any], output: Any) -> None:
        read = leaves(arguments)
        if not read or not isinstance(output, torch.Tensor):
            return
        ids = read[0]
        labels = self.labels(read)
        takes = next(
            (each for each, tensor in self._inputs.items() if Route(each) in labels and _same_ids(ids, tensor)), None
        )
        per_id = output.ndim > ids.ndim and output.shape[: ids.ndim] == ids.shape and output.is_floating_point()
        embeds = isinstance(module, torch.nn.Embedding)
        pools = isinstance(module, torch.nn.EmbeddingBag)
        alone = len(read) == 1 and takes is not None and per_id and output.ndim == ids.ndim + 1
        if not (embeds or pools or alone or name in self._named):
            return
        self.calls.append(
            Call(
                layer=name,
                kind="embedding" if embeds else "bag" if pools else "layer",
                takes=takes,
                made_of=tuple(sorted({label.input for label in labels if isinstance(label, Route)})),
                behind=frozenset(label for label in labels if isinstance(label, str)) - {name},
                vocabulary=getattr(module, "num_embeddings", None),
                width=int(output.shape[-1]) if output.ndim else None,
                per_id=per_id,
            )
        )
        self._mark(output, self.labels(output) | {name})


def _same_ids(ids: torch.Tensor, tensor: torch.Tensor) -> bool:
    """Whether a layer was called with an input's ids, as they are or with axes of one."""
    if ids is tensor:
        return not tensor.is_floating_point()
    alike = not (ids.is_floating_point() or tensor.is_floating_point()) and ids.numel() == tensor.numel()
    return alike and bool(torch.equal(ids.reshape(-1).long(), tensor.reshape(-1).long()))
