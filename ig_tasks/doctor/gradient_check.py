"""Gradients on a few rows: features that would have no attribution, and whether the output changes with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ig_tasks.attribution import attribute
from ig_tasks.attribution.feeds import Layers, Tables
from ig_tasks.attribution.named_inputs import NamedInputs, element_names
from ig_tasks.attribution.proposing import layers_embedding
from ig_tasks.attribution.targets import Choice
from ig_tasks.data.features import Feature, feature_matrix
from ig_tasks.doctor.diagnosis import InputFinding, ZeroFeature
from ig_tasks.doctor.observation import Observation
from ig_tasks.doctor.wording import cuts_of, is_open, reaches
from ig_tasks.errors import ModelError, TargetError

__all__ = ["Trial"]

Array = npt.NDArray[Any]
Place = tuple[Any, ...]
"""The place of a feature in the array of its input: an index after the row's."""

_NODES = 3
_LISTED = 64  # elements of an input that are looked at one by one; a larger input is one feature


@dataclass(frozen=True)
class Trial:
    """A model and rows to try it on: `inputs` may be explained, `others` are passed on."""

    model: Any
    outputs: Callable[[Mapping[str, Array]], npt.NDArray[np.float64]]
    inputs: NamedInputs
    others: dict[str, Any]
    target: Any

    @property
    def arrays(self) -> dict[str, Array]:
        """{input: array (rows, ...)} of the inputs that are examined."""
        return self.inputs.arrays

    def layers_embedding(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """{input of ids: the layers that embed it}, as far as that can be seen."""
        try:
            return layers_embedding(self.model, self.inputs, names, self.others)
        except Exception:  # noqa: BLE001 - a model that does not run says so where it is called next
            return {}

    def layer_works(self, name: str, layer: Tables) -> bool:
        """Whether a path of one input can run in the output of its layers."""
        try:
            self._attributions({name: layer.written}, [name], rows=2)
        except TargetError:
            return True
        except ModelError:
            return False
        return True

    def zero_features(
        self, findings: Sequence[InputFinding], observation: Observation, features: Sequence[Feature] | None
    ) -> tuple[tuple[ZeroFeature, ...], str]:
        """Features whose attribution is zero on all rows; what the engine refuses the model for, else ""."""
        layers = {each.name: each.proposed for each in findings if each.proposed is not None}
        explained = [name for name, array in self.arrays.items() if name in layers or array.dtype.kind == "f"]
        if not explained or any(_is_text(value) for value in self.given.values()):
            return (), ""
        try:
            attributions = self._attributions(layers, explained, rows=None)
        except TargetError:
            return (), ""  # the outputs have names; which one to explain was not said
        except ModelError as error:
            return (), str(error)
        zero = []
        for feature, name, place, size in self._features(attributions, features):
            if not size.any():
                zero.append(ZeroFeature(feature, self._why_zero(name, place, observation)))
        return tuple(zero), ""

    @property
    def given(self) -> dict[str, Any]:
        """Everything that the model is called with, by input name."""
        return {**self.arrays, **self.others}

    def _attributions(self, layers: Layers, names: Sequence[str], rows: int | None) -> dict[str, Array]:
        """{input: (rows, outputs, ...)}, or without outputs where one of them is the target."""
        some = slice(rows)
        ends = {name: self.arrays[name][some] for name in names}
        starts = {name: np.float64(0.0) if name in layers else _differing_baseline(end) for name, end in ends.items()}
        fixed = {
            name: value[some] if isinstance(value, np.ndarray) else value
            for name, value in self.given.items()
            if name not in names
        }
        inputs = self.inputs.with_arrays(ends)
        attributions = attribute(
            self.model,
            inputs,
            inputs.as_given(starts),
            fixed=fixed,
            target="all" if self.target is None else self.target,
            integrator="gauss_legendre",
            steps=_NODES,
            layers=dict(layers),
        ).attributions
        leading = 2 if self.target is None or Choice.of(self.target).every else 1
        return {name: array if leading == 2 else array[:, None] for name, array in inputs.by_name(attributions).items()}

    def _features(
        self, attributions: Mapping[str, Array], features: Sequence[Feature] | None
    ) -> Iterator[tuple[str, str, Place, Array]]:
        """Name, input, place and attributions of every feature."""
        own = [feature for feature in features or () if feature.input in attributions]
        if own:
            matrix = feature_matrix(attributions, own, leading=2)
            counted: dict[str, int] = {}
            for number, feature in enumerate(own):
                place: Place = (...,)
                if feature.elements is not None:
                    place = tuple(slice(None) if span is None else slice(*span) for span in feature.elements)
                elif self.arrays[feature.input].ndim > 1:
                    place = (..., counted.get(feature.input, 0))
                counted[feature.input] = counted.get(feature.input, 0) + 1
                yield feature.name, feature.input, place, matrix[..., number]
            return
        for name, array in attributions.items():
            shown, places = self.inputs.display_name(name), list(np.ndindex(array.shape[2:]))
            if not array.any() or len(places) > _LISTED or places == [()]:
                yield shown, name, (...,), array
                continue
            for label, place in zip(element_names(shown, array.shape[2:]), places, strict=True):
                yield label, name, place, array[(slice(None), slice(None), *place)]

    def _why_zero(self, name: str, place: Place, observation: Observation) -> str:
        if not reaches(name, observation):
            return "no output depends on it"
        embedded = any(call.takes == name for call in observation.calls)
        if not embedded and not is_open(name, observation):
            return f"its gradients are lost at {', '.join(map(str, cuts_of(name, observation)))}"
        if self._changes(name, place, observation):
            return (
                "the output changes with it, by steps that have no gradient (rounding, comparisons, units that are off)"
            )
        return "the output does not change with it on the rows that were tried"

    def _changes(self, name: str, place: Place, observation: Observation) -> bool:
        """Whether other values of a feature change an output."""
        before = self.outputs(self.given)
        for other in self._other_values(name, place, observation):
            try:
                after = self.outputs({**self.given, name: other})
            except Exception:  # noqa: BLE001, S112 - a value that the model does not take says nothing
                continue
            if not np.array_equal(before, after, equal_nan=True):
                return True
        return False

    def _other_values(self, name: str, place: Place, observation: Observation) -> Iterator[Array]:
        array = self.arrays[name]
        where = (slice(None), *place)
        sizes = [call.vocabulary for call in observation.calls if call.takes == name and call.vocabulary]
        changed: list[Array] = [np.roll(array, 1, axis=0)]
        if array.dtype.kind == "f":
            codes = _are_codes(array)  # of those, others than the rows' own may be outside their table
            changed += [_other_value(array), *(np.where(codes, array, each) for each in (array + 1, 3 - 10 * array))]
        elif sizes:
            changed.append((array + 1) % min(sizes))
        for values in changed:
            other = array.copy()
            other[where] = values[where]
            yield other


def _other_value(array: Array) -> Array:
    """Another value for every element: the least or the greatest of its column where there are several.

    A whole number may be the code of a category, so that it gets no neighbour below 0.
    """
    least, greatest = array.min(axis=0), array.max(axis=0)
    alone = np.where(_are_codes(array) & (array < 1), array + 1, array - 1)
    return np.where(least == greatest, alone, np.where(array == least, greatest, least)).astype(array.dtype)


def _are_codes(array: Array) -> npt.NDArray[np.bool_]:
    """Which columns hold whole numbers alone."""
    return np.asarray((array == np.trunc(array)).all(axis=0))


def _is_text(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "OUS"


def _differing_baseline(end: Array) -> Array:
    """A baseline that differs from the row in every element."""
    other = np.roll(end, 1, axis=0)
    return np.where(other == end, _other_value(end), other)
