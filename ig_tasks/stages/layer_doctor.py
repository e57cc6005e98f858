"""The layer doctor at a model's trial, on the worker: what it says travels as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from ig_tasks.doctor import Diagnosis, diagnose
from ig_tasks.errors import IgTasksError, LayerError
from ig_tasks.models import LoadedModel, ModelPackage

__all__ = ["diagnosis_of", "load_or_propose"]


def load_or_propose(
    load: Callable[[], LoadedModel], rows: Callable[[], tuple[ModelPackage, pd.DataFrame]], device: str | None
) -> LoadedModel:
    """The loaded model; where an entry names a layer that is not there, LayerError with the entry to write instead.

    `rows` gives the package and a few rows of its data: they are needed then alone.
    """
    try:
        return load()
    except LayerError as error:
        raise _with_entries(error, rows, device) from None


def diagnosis_of(
    loaded: LoadedModel, arrays: Mapping[str, NDArray[Any]], fixed: Mapping[str, NDArray[Any]], target: Any
) -> Diagnosis | None:
    """What the doctor says of a package's model; None where it cannot look at it, which is not a fault of the model.

    Raises:
        LayerError: a layer entry is missing or wrong, with the entry to write.
    """
    try:
        diagnosis = diagnose(loaded, dict(arrays), fixed=dict(fixed), target=target)
    except Exception:  # noqa: BLE001 - what is wrong with the model itself is said by the trial that follows
        return None
    diagnosis.require()
    return diagnosis


def _with_entries(
    error: LayerError, rows: Callable[[], tuple[ModelPackage, pd.DataFrame]], device: str | None
) -> LayerError:
    """The error, with the doctor's diagnosis of the model without any layer entry."""
    try:
        opened, frame = rows()
        named = {name: spec.layers for name, spec in opened.config.inputs.items() if spec.layers is not None}
        bare = {name: spec.model_copy(update={"layer": None}) for name, spec in opened.config.inputs.items()}
        config = opened.config.model_copy(update={"inputs": bare})
        encoded = opened.encode(frame)
        loaded = replace(opened, config=config).load(device)
        diagnose(loaded, encoded.inputs, fixed=encoded.fixed, layers=named).require()
    except LayerError as proposed:
        return proposed
    except (IgTasksError, RuntimeError, ValueError, TypeError, KeyError):
        return error
    return error
