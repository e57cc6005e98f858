"""A model in memory, whatever its framework: its layers, its targets, its predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ig_tasks.errors import InputError, LayerError, suggest
from ig_tasks.models.outputs import OUTCOME, Head, Selection
from ig_tasks.models.spaces import head_for, margin_base, selection_of
from ig_tasks.models.target_config import Chosen

if TYPE_CHECKING:
    from ig_tasks.models.contents import PackageContents

__all__ = ["ExplainedModel", "LoadedModel", "check_layers"]

_BLOCK = 16384
"""Rows that `predict` passes through the model at once: enough to be fast, too few to matter for memory."""


class ExplainedModel(NamedTuple):
    """A model as the engine explains it for one target."""

    model: Any
    """the loaded model, or the model with a head behind it"""
    output: int | str | None
    """the output as the engine takes it; None for the only one, which a model with a head has"""
    target: str
    """the target's name"""
    space: str
    """the space of the explained numbers"""


@dataclass(frozen=True)
class LoadedModel(ABC):
    """`model` is called with its inputs by name: torch `model(**inputs)`, Keras `model({name: array})`."""

    model: Any
    package: PackageContents
    device: str

    def __repr__(self) -> str:
        inputs, targets = (", ".join(names) for names in (self.package.config.inputs, self.package.config.targets))
        kind, wrapped = type(self).__name__, type(self.model).__name__
        return f"{kind}({self.package.uri!r}: {wrapped} on {self.device}; inputs: {inputs}; targets: {targets})"

    def _repr_html_(self) -> str:
        from ig_tasks.models.model_overview import model_html

        kind = f"{type(self.model).__name__} ({self.framework})"
        return model_html(self.package.config, self.package.uri, self.package.digest, kind, self.device)

    @property
    @abstractmethod
    def framework(self) -> Literal["torch", "tensorflow"]:
        """The framework that runs the model."""
        ...

    @abstractmethod
    def _call(self, model: Any, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """The model's output, (rows,) or (rows, outputs), without gradients."""

    @abstractmethod
    def _call_head(self, model: Any, head: Head, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """`head` of the model's output, (rows, 1), without gradients."""

    @abstractmethod
    def _with_head(self, model: Any, head: Head) -> Any:
        """The model with a head behind it, (rows, 1), differentiable, with the same layer names."""

    @property
    def layers(self) -> dict[str, Any]:
        """{input name: layer, layers or {column: layer} in whose outputs its path runs}; holds for `for_target`'s."""
        inputs = self.package.config.inputs
        return {name: spec.layers for name, spec in inputs.items() if spec.layers is not None}

    def for_target(self, target: Chosen = None, space: str | None = None) -> ExplainedModel:
        """The model to explain, with the output that the engine takes.

        `target` is a name or an output column, or a selection {head, position, column} of the model's numbers as they
        are; None means the only one. `space` None means the declared one; the others are in `ig_tasks.models.spaces`. A
        model with a head behind it has one output, and `output` is None.

        Raises:
            TargetError, ModelError: for a space that the target cannot be turned into.
        """
        chosen = self.package.config.choose_target(target, space)
        head = head_for(chosen.name, chosen.config, chosen.space)
        if head is None:
            return ExplainedModel(self.model, _plain_output(chosen.config.output), chosen.name, chosen.space)
        return ExplainedModel(self._with_head(self.model, head), None, chosen.name, chosen.space)

    def output_details(self, target: Chosen = None, space: str | None = None) -> dict[str, str]:
        """What an explanation says of the number explained: its space, and its calibration where there is one."""
        chosen = self.package.config.choose_target(target, space)
        details = {"space": chosen.space}
        base = margin_base(chosen.config) if chosen.space == "margin" else chosen.space
        if chosen.config.calibration is not None and base == "calibrated":
            details["calibration"] = chosen.config.calibration.describe()
        return details

    def output(
        self,
        inputs: Mapping[str, np.ndarray],
        target: Chosen = None,
        space: str | None = None,
    ) -> np.ndarray:
        """One target's numbers in one space, of encoded inputs {name: (rows, ...)}: (rows,) float64.

        Raises what `for_target` and `predict` raise.
        """
        chosen = self.package.config.choose_target(target, space)
        head = head_for(chosen.name, chosen.config, chosen.space)
        head = head or Head(chosen.name, chosen.space, selection_of(chosen.config), ())
        return np.asarray(self.call_head(head, inputs)[:, 0], dtype=np.float64)

    def call_head(self, head: Head, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """What a head gives of encoded inputs {name: (rows, ...)}: (rows, columns)."""
        outcome = {OUTCOME: np.asarray(inputs[OUTCOME])} if head.takes_outcome else {}
        return self._in_blocks(inputs, lambda block: self._call_head(self.model, head, block), outcome)

    def predict(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The model's output on encoded inputs: {name: (rows, ...)} -> (rows,) or (rows, outputs).

        Raises:
            InputError: for a name that the model does not take, or one that is absent.
        """
        return self._in_blocks(inputs, lambda block: self._call(self.model, block))

    def _in_blocks(
        self,
        inputs: Mapping[str, np.ndarray],
        call: Callable[[dict[str, np.ndarray]], np.ndarray],
        outcome: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        inputs = {name: array for name, array in inputs.items() if name != OUTCOME}
        specs = self.package.config.inputs
        for name in [] if self.package.bare else [*inputs, *specs]:
            if name not in specs or name not in inputs:
                fault = "is absent" if name in specs else f"is unknown{suggest(name, specs, noun='inputs')}"
                raise InputError(f"input '{name}' of model '{self.package.uri}' {fault}")
        rows = len(next(iter(inputs.values())))
        blocks = range(0, max(rows, 1), _BLOCK)
        cast = {name: _cast(array, specs[name].dtype if name in specs else None) for name, array in inputs.items()}
        cast |= outcome or {}
        outputs = [call({name: array[at : at + _BLOCK] for name, array in cast.items()}) for at in blocks]
        if (rows - 1) % _BLOCK == 0 and outputs[-1].shape[:1] != (1,):
            outputs[-1] = outputs[-1][None]  # the model squeezed the axis of its only row, too
        return np.concatenate(outputs)


def _plain_output(output: int | str | Selection | None) -> int | str | None:
    """An output as the engine takes it; a selection never comes without a head."""
    return None if isinstance(output, Selection) else output


def _cast(array: np.ndarray, dtype: str | None) -> np.ndarray:
    """In the input's dtype; where a bare artifact does not tell it, numbers are single as most models are."""
    values = np.asarray(array)
    return values.astype(dtype or (np.float32 if values.dtype == np.float64 else values.dtype), copy=False)


def check_layers(package: PackageContents, known: Iterable[str], embeddings: Iterable[str]) -> None:
    """Raise LayerError for an input whose layer the model does not have; embeddings are suggested first."""
    known = [name for name in known if name]
    ordered = list(dict.fromkeys([*embeddings, *known]))
    for name, spec in package.config.inputs.items():
        for layer in spec.layer_names:
            if layer not in ordered:
                hint = suggest(layer, ordered, noun="layers")
                raise LayerError(f"inputs.{name}.layer: the model has no layer '{layer}'{hint}")
