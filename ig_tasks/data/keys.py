"""The keys of one input in model.yaml, before they are held against one another."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ig_tasks.spec.written import Category

__all__ = ["InputKeys", "Kind", "Standardize"]

Kind = Literal["numeric", "categorical", "one_hot", "bag", "tokens", "mask", "image", "series", "array"]
Standardize = Literal["lower_and_strip_punctuation", "lower", "strip_punctuation", "none"]
"""What Keras's TextVectorization does to a text before it is split at blanks."""


class InputKeys(BaseModel):
    """What an input may say of itself. `InputSpec` explains the keys, and refuses those that do not go together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = Field(default=(), min_length=1)
    kind: Kind = "numeric"
    dtype: str = "float32"
    vocabulary: tuple[Annotated[str, Category()], ...] | None = None
    offset: int = Field(default=0, ge=0)
    unknown: int | None = Field(default=None, ge=0)
    unknown_zeros: bool = False
    """`unknown: zeros` in model.yaml: a category outside the vocabulary is all zeros."""
    layer: str | tuple[str, ...] | dict[int | str, str | tuple[str, ...]] | None = None
    separator: str | None = Field(default=None, min_length=1)
    length: int | None = Field(default=None, ge=1)
    padding: int = Field(default=0, ge=0)
    tokenizer: str | None = None
    """A tokenizer.json: in model.yaml the name of a file of the package, once read its path."""
    special: tuple[int, ...] = ()
    standardize: Standardize | None = None
    of: str | None = None
    shape: tuple[int, ...] | None = None
    scale: float = 1.0
    channels: Literal["first", "last"] = "last"
    grid: tuple[int, int] | None = None
    features: tuple[str, ...] | None = None
    missing: float | dict[str, float] | None = None
    """What the model has in place of a missing number, of all columns or {column: number}."""

    @property
    def layers(self) -> str | tuple[str, ...] | dict[int, str | tuple[str, ...]] | None:
        """`layer` with columns by their number."""
        if not isinstance(self.layer, dict):
            return self.layer
        return {c if isinstance(c, int) else self.columns.index(c): layer for c, layer in self.layer.items()}

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer that `layer` names, once."""
        layers = self.layer.values() if isinstance(self.layer, dict) else () if self.layer is None else (self.layer,)
        return tuple(dict.fromkeys(n for names in layers for n in ((names,) if isinstance(names, str) else names)))

    @property
    def integer(self) -> bool:
        """Whether the input holds ids instead of numbers to differentiate by."""
        return np.issubdtype(np.dtype(self.dtype), np.integer)
