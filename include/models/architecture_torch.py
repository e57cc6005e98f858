"""Late arrival of a flight: an embedding for every category beside standardised numbers, then dense layers.

This file is the `model.py` of the torch packages; train_flights.py copies it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch  # noqa: TID253 - model code is imported by whoever loads the model
from torch import nn  # noqa: TID253

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class Flights(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """One logit, (rows, 1), from `numeric` (rows, numbers) in raw units and one (rows,) of ids a category."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, numbers: int, categories: Mapping[str, Sequence[int]], hidden: Sequence[int], activation: str
    ) -> None:
        super().__init__()
        self.categories = tuple(categories)
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("std", torch.ones(numbers))
        width = numbers
        for name, (size, embedding) in categories.items():
            self.add_module(f"embed_{name}", nn.Embedding(size, embedding))
            width += embedding
        self.depth = len(hidden)
        for index, units in enumerate(hidden):
            self.add_module(f"hidden_{index}", nn.Linear(width, units))
            self.add_module(f"activation_{index}", ACTIVATIONS[activation]())
            width = units
        self.output = nn.Linear(width, 1)

    def forward(self, numeric: torch.Tensor, **categories: torch.Tensor) -> torch.Tensor:
        embedded = [self.get_submodule(f"embed_{name}")(categories[name]) for name in self.categories]
        x = torch.cat([(numeric - self.mean) / self.std, *embedded], dim=1)
        for index in range(self.depth):
            x = self.get_submodule(f"activation_{index}")(self.get_submodule(f"hidden_{index}")(x))
        logit: torch.Tensor = self.output(x)
        return logit


def build(numbers: int, categories: Mapping[str, Sequence[int]], hidden: Sequence[int], activation: str) -> Flights:
    """The model without its weights; `categories` is {name: (ids, width of the embedding)}."""
    return Flights(numbers, categories, hidden, activation)
