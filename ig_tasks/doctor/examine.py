"""`diagnose`: run a model on a few rows, and say which inputs need a layer, and which layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ig_tasks.attribution.backends import as_model, framework_of, no_model
from ig_tasks.attribution.feeds import Layers, Tables, named_layers, short
from ig_tasks.attribution.named_inputs import NamedInputs, as_array
from ig_tasks.baselines.arguments import named_inputs
from ig_tasks.doctor.diagnosis import Diagnosis, InputFinding
from ig_tasks.doctor.gradient_check import Trial
from ig_tasks.doctor.observation import Observation
from ig_tasks.doctor.wording import (
    candidates_of,
    chosen_together,
    dependent_layers,
    faults_of,
    is_open,
    read_beside,
    why_not,
)
from ig_tasks.errors import InputError, suggest
from ig_tasks.models.loaded import LoadedModel

__all__ = ["diagnose"]

Array = npt.NDArray[Any]

_SEEN = 4  # rows of the pass that is looked through
_TRIED = 16  # rows on which gradients are taken


class Side(Protocol):
    """What a framework does for the doctor. The model is left as it was found, also after an exception."""

    framework: str

    def known_layers(self) -> list[str]: ...
    def embedding_layers(self) -> list[str]: ...
    def input_names(self) -> list[str] | None: ...
    def observe(self, inputs: Mapping[str, Array], layers: Collection[str]) -> Observation: ...
    def outputs(self, inputs: Mapping[str, Array]) -> npt.NDArray[np.float64]: ...


def diagnose(
    model: Any,
    inputs: Any,
    *,
    layers: Layers | None = None,
    target: Any = None,
    fixed: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Say which inputs of a model are differentiable, which are not and why, and which layers embed those.

    Args:
        model: a torch.nn.Module, a keras.Model, or what `load_model` returns.
        inputs: a few rows, as for `explain`: an array (rows, ...), {input name: array}, a tuple of arrays in the
            model's order, or a DataFrame for a loaded model package.
        layers: {input name: layer name, list of names, or {column: name}} as `explain` takes it: checked, corrected and
            completed. A loaded package's own unless given.
        target: as for `explain`; without it all outputs are looked at.
        fixed: {input name: array}: inputs that are passed on and not explained, such as masks.

    The model runs a few times on at most 16 rows; mode, hooks, gradients and `requires_grad` stay as they are.

    What the model itself raises is raised.

    Raises:
        InputError: for arrays that the model does not take.
    """
    loaded = model if isinstance(model, LoadedModel) else None
    model = as_model(model, inputs)
    rows, others = _arrays(loaded, model if loaded is None else loaded.model, inputs, fixed)
    arrays = rows.arrays
    named = named_layers(rows.renamed((loaded.layers if loaded is not None else {}) if layers is None else layers))
    module, column = (model, target) if loaded is None else _target(loaded, target)
    unnamed = tuple(arrays) if rows.bare else rows.positional
    side = _framework_side(module, rows, (*arrays, *others))
    _check_names(side, arrays, [name for name in (*arrays, *others) if name not in unnamed], named)
    known = side.known_layers()
    every = list(dict.fromkeys(layer for tables in named.values() for layer in tables.names))
    arrays_passed = {**arrays, **others}
    few = {name: value[:_SEEN] if isinstance(value, np.ndarray) else value for name, value in arrays_passed.items()}
    observation = side.observe(few, [layer for layer in every if layer in known])

    trial = Trial(module, side.outputs, rows, others, column)
    ids = [name for name, array in arrays.items() if array.dtype.kind in "iub" or _holds_whole_numbers(array)]
    embedding = trial.layers_embedding(ids)
    findings = [
        _finding(name, array, named.get(name), observation, trial, embedding.get(name, ()))
        for name, array in arrays.items()
    ]
    dependent = dependent_layers(observation, every)
    problems = [fault for each in findings for fault in faults_of(each, observation, known, side.embedding_layers())]
    problems += chosen_together(dependent, every)
    features = None if loaded is None else loaded.package.features
    zero, refused = trial.zero_features(findings, observation, features)
    return Diagnosis(
        framework=side.framework,
        inputs=tuple(findings),
        dependent=tuple(dependent),
        zero=zero,
        notes=tuple(note for each in findings for note in read_beside(each, observation)),
        problems=(*problems, *([refused] if refused and not problems else [])),
    )


def _arrays(
    loaded: LoadedModel | None, model: Any, inputs: Any, fixed: Mapping[str, Any] | None
) -> tuple[NamedInputs, dict[str, Any]]:
    """A few rows of the inputs that are to be explained, and what is passed on."""
    others = {str(name): _passed_on(str(name), value) for name, value in (fixed or {}).items()}
    if isinstance(inputs, pd.DataFrame):
        if loaded is None:
            raise InputError("inputs: a DataFrame needs a loaded model package, which knows the columns; give arrays")
        encoded = loaded.package.encode(inputs)
        if not encoded.keep.any():
            raise InputError(f"inputs: none of the rows can be encoded ({next(filter(None, encoded.reasons), 'none')})")
        inputs, others = encoded.inputs, {**{n: a[:_TRIED] for n, a in encoded.fixed.items()}, **others}
    named = named_inputs(loaded, model, inputs)
    others = {**named.absent, **others}
    arrays = {name: array[:_TRIED] if array.ndim else array for name, array in named.arrays.items()}
    arrays = {name: array for name, array in arrays.items() if name not in others}
    fixed_arrays = [array for array in others.values() if isinstance(array, np.ndarray)]
    sizes = {array.shape[0] if array.ndim else 0 for array in (*arrays.values(), *fixed_arrays)}
    if not arrays or len(sizes) != 1 or 0 in sizes:
        raise InputError("inputs: give arrays of the same number of rows, one at least")
    return named.with_arrays(arrays), others


def _passed_on(name: str, value: Any) -> Any:
    """A few rows of a fixed array; constants as they are."""
    if not (isinstance(value, list | tuple) or hasattr(value, "shape") or hasattr(value, "__array__")):
        return value
    array = as_array(value, f"fixed['{name}']")
    return array[:_TRIED] if array.ndim else array.item()


def _target(loaded: LoadedModel, target: Any) -> tuple[Any, Any]:
    by_name = target is None or (isinstance(target, str) and target not in ("predicted", "all"))
    if not by_name:
        return loaded.model, target
    if target is None and len(loaded.package.config.targets) > 1:
        return loaded.model, None
    explained = loaded.for_target(target)
    return explained.model, explained.output


def _framework_side(model: Any, inputs: NamedInputs, names: tuple[str, ...]) -> Side:
    """The framework's side. Raises InputError for something that is no model."""
    framework = framework_of(model)
    if framework == "torch":
        from ig_tasks.doctor.torch import TorchSide

        return TorchSide(model, tuple(inputs.arrays) if inputs.bare else inputs.positional)
    if framework == "keras":
        from ig_tasks.doctor.keras import KerasSide

        return KerasSide(model, inputs.positional, names, bare=next(iter(inputs.arrays)) if inputs.bare else None)
    raise no_model(model)


def _check_names(side: Side, arrays: Mapping[str, Array], by_name: Collection[str], named: Collection[str]) -> None:
    known = side.input_names()
    for name in by_name:
        if known is not None and name not in known:
            raise InputError(f"inputs: the model takes no '{name}'{suggest(name, known, noun='inputs')}")
    for name in named:
        if name not in arrays:
            raise InputError(f"layers: '{name}' is not an input{suggest(name, arrays, noun='inputs')}")


def _finding(
    name: str, array: Array, named: Tables | None, observation: Observation, trial: Trial, embedding: tuple[str, ...]
) -> InputFinding:
    """What is to be said of one input. Layers that are named and work stay, whatever else would serve.

    `embedding` are the embedding layers whose ids follow the input's.
    """
    candidates = candidates_of(name, observation, embedding)
    usable = [each.layer for each in candidates if not each.why]
    layers = embedding or tuple(usable[:1])
    ids = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool(usable) and _holds_whole_numbers(array))
    proposed = None
    if ids and named is not None and (set(named.names) == set(layers) or trial.layer_works(name, named)):
        proposed = short(named.names)
    elif ids and layers:
        proposed = short(layers)
    differentiable = array.dtype.kind == "f" and proposed is None and is_open(name, observation)
    return InputFinding(
        name=name,
        shape=tuple(int(size) for size in array.shape[1:]),
        dtype="string" if array.dtype.kind in "OUS" else array.dtype.name,
        differentiable=differentiable,
        why="" if differentiable else why_not(name, array, observation, candidates),
        layer=None if named is None else short(named.names),
        candidates=tuple(candidates),
        proposed=proposed,
    )


def _holds_whole_numbers(array: Array) -> bool:
    return array.dtype.kind == "f" and bool(np.isfinite(array).all() and (array == np.trunc(array)).all())
