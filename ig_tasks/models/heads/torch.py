"""A head behind a torch module, whose layers keep their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch  # noqa: TID253 - this module is imported when a torch model is loaded, never before
from torch import nn  # noqa: TID253

from ig_tasks.models.output_steps import LEAST, Step
from ig_tasks.models.outputs import OUTCOME, Head

__all__ = ["Headed", "TorchFunctions", "with_head"]

_NAME = "output_head"


def with_head(model: nn.Module, head: Head) -> Headed:
    """head(model(...)): one module, (rows, 1)."""
    return Headed(model, head)


class TorchFunctions(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """The steps' functions. Lists of numbers are buffers in double precision, cast to the model's own when used."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.steps = tuple(steps)
        for place, step in enumerate(steps):
            for name in ("start", "scale", "rise"):
                if values := getattr(step, name):
                    self.register_buffer(f"{name}_{place}", torch.tensor(values, dtype=torch.float64), persistent=False)

    def sigmoid(self, x: torch.Tensor) -> torch.Tensor:
        """1 / (1 + exp(-x)), element by element."""
        return torch.sigmoid(x)

    def softmax(self, x: torch.Tensor) -> torch.Tensor:
        """Softmax over the columns of (rows, columns)."""
        return torch.softmax(x, dim=-1)

    def logsumexp(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """log(sum(exp)) over all columns of the parts, (rows, 1)."""
        joined = parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=1)
        return torch.logsumexp(joined, dim=1, keepdim=True)

    def clip(self, x: torch.Tensor) -> torch.Tensor:
        """Between 0 and 1."""
        return torch.clamp(x, 0.0, 1.0)

    def spread(self, x: torch.Tensor, columns: int) -> torch.Tensor:
        """(rows, 1) -> (rows, columns), without a copy."""
        return x.expand(-1, columns)

    def weighted_sum(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """(rows, columns) times (columns,), summed to (rows, 1)."""
        return nn.functional.linear(x, weights[None])

    def constant(self, step: Step, name: str, like: torch.Tensor) -> torch.Tensor:
        """A list of the step, registered as a buffer, on the device and in the dtype of `like`."""
        buffer: torch.Tensor = getattr(self, f"{name}_{self.steps.index(step)}")
        return buffer.to(device=like.device, dtype=like.dtype)

    def like(self, outcome: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """The same numbers on the device and in the dtype of `x`."""
        return outcome.to(device=x.device, dtype=x.dtype)

    def softplus(self, x: torch.Tensor) -> torch.Tensor:
        """log(1 + exp(x)), element by element."""
        return -nn.functional.logsigmoid(-x)  # torch's softplus is x itself beyond 20

    def log(self, x: torch.Tensor) -> torch.Tensor:
        """The logarithm of numbers of at least `LEAST`, to which smaller ones are raised."""
        return torch.log(torch.clamp(x, min=LEAST))

    def log_share(self, x: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Log of the softmax over the columns of x (rows, columns) of each row's class (rows, 1), (rows, 1)."""
        own = classes == torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
        return torch.sum(torch.log_softmax(x, dim=1) * own.to(x.dtype), dim=1, keepdim=True)


class Headed(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """head(model(...)), with the model's own modules, parameters and buffers as if they were its own.

    The tables are shared, not copied: a layer, a hook or a dtype change reached through one is that of the other, and
    every name stays what it was. Both survive `copy.deepcopy` together. A head with lists of numbers of its own is
    one module more.
    """

    def __init__(self, model: nn.Module, head: Head) -> None:
        super().__init__()
        functions = TorchFunctions(head.steps)
        functions.to(next((tensor.device for tensor in (*model.parameters(), *model.buffers())), None))
        # Not a submodule: its names would all get a prefix.
        object.__setattr__(self, "_raw", model)
        object.__setattr__(self, "_head", head)
        for table in ("_parameters", "_buffers", "_non_persistent_buffers_set", "_modules"):
            object.__setattr__(self, table, getattr(model, table))
        if next(functions.buffers(), None) is not None:
            # The model is left as it was: the table with one module more is this one's alone.
            object.__setattr__(self, "_modules", dict(model._modules.items()))
            name = _NAME
            while hasattr(model, name):
                name += "_"
            self._modules[name] = functions
        object.__setattr__(self, "_functions", functions)
        self.training = model.training

    def forward(self, *args: Any, **inputs: Any) -> torch.Tensor:
        """The explained number (rows, 1) of what the model returns for these inputs."""
        tensors = (value for value in (*args, *inputs.values()) if isinstance(value, torch.Tensor) and value.ndim)
        rows = next((value.shape[0] for value in tensors), None)
        outcome = inputs.pop(OUTCOME, None)
        explained: torch.Tensor = self._head(self._functions, self._raw(*args, **inputs), rows, outcome)
        return explained

    def train(self, mode: bool = True) -> Headed:
        """Set the mode of the model and of the head's functions."""
        self._raw.train(mode)
        self._functions.train(mode)
        self.training = mode
        return self
