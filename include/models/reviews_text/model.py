"""Whether a review recommends: texts, each read by a convolution, beside categories and numbers.

This file is the `model.py` of the packages of reviews; train_reviews.py copies it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch  # noqa: TID253 - model code is imported by whoever loads the model
from torch import nn  # noqa: TID253


class Text(nn.Module):  # type: ignore[misc]  # torch is not followed by mypy
    """A text as one vector: words in their neighbourhood, averaged with weights that the words themselves give."""

    def __init__(self, tokens: int, width: int, channels: int, dropout: float) -> None:
        super().__init__()
        # The padding, id 0, stays the zero vector: to the last word it is what lies outside the text.
        self.embed = nn.Embedding(tokens, width, padding_idx=0)
        self.dropout = nn.Dropout(dropout)
        self.near = nn.Conv1d(width, channels, kernel_size=3, padding=1)
        self.activation = nn.SiLU()
        self.weight = nn.Linear(channels, 1)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(rows, channels) of `ids` and `mask`, both (rows, tokens). A text without a token is the zero vector."""
        seen = self.activation(self.near(self.dropout(self.embed(ids)).transpose(1, 2))).transpose(1, 2)
        score = self.weight(seen)[:, :, 0].masked_fill(mask == 0, -1e4)
        weight = torch.softmax(score, dim=1) * mask.to(seen.dtype)
        vector: torch.Tensor = (seen * weight[:, :, None]).sum(dim=1)
        return vector


class Reviews(nn.Module):  # type: ignore[misc]
    """One logit, (rows, 1), from `<text>` and `<text>_mask` (rows, tokens), categories (rows,) and `numbers`."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        texts: Mapping[str, Sequence[int]],
        categories: Mapping[str, Sequence[int]],
        numbers: int,
        hidden: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.texts, self.categories, self.numbers = tuple(texts), tuple(categories), numbers
        width = numbers
        for name, (tokens, embedding, channels) in texts.items():
            self.add_module(f"text_{name}", Text(tokens, embedding, channels, dropout))
            width += channels
        for name, (size, embedding) in categories.items():
            self.add_module(f"embed_{name}", nn.Embedding(size, embedding))
            width += embedding
        if numbers:
            self.register_buffer("mean", torch.zeros(numbers))
            self.register_buffer("std", torch.ones(numbers))
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden)
        self.activation = nn.SiLU()
        self.output = nn.Linear(hidden, 1)

    def forward(self, **inputs: torch.Tensor) -> torch.Tensor:
        parts = [self.get_submodule(f"text_{name}")(inputs[name], inputs[f"{name}_mask"]) for name in self.texts]
        parts += [self.get_submodule(f"embed_{name}")(inputs[name]) for name in self.categories]
        if self.numbers:
            parts.append((inputs["numbers"] - self.mean) / self.std)
        x = self.activation(self.hidden(self.dropout(torch.cat(parts, dim=1))))
        logit: torch.Tensor = self.output(x)
        return logit


def build(
    texts: Mapping[str, Sequence[int]],
    categories: Mapping[str, Sequence[int]] | None = None,
    numbers: int = 0,
    hidden: int = 32,
    dropout: float = 0.3,
) -> Reviews:
    """The model without its weights.

    `texts` is {name: (tokens of the vocabulary, width of the embedding, channels)}, `categories`
    {name: (ids, width of the embedding)}.
    """
    return Reviews(texts, categories or {}, numbers, hidden, dropout)
