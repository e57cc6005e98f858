"""`explanation.quality()`: how good an explanation is, measured on a sample of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution.integrators.choice import is_count
from ig_tasks.attribution.named_inputs import is_number
from ig_tasks.attribution.quality.checks import QualityOptions, measure
from ig_tasks.attribution.quality.measured import Measured, Measures
from ig_tasks.attribution.quality.mixing import rows_of_start
from ig_tasks.attribution.quality.sensitivity import scales
from ig_tasks.attribution.quality.subject import Starts, Subject
from ig_tasks.attribution.replaced_outputs import predicted_columns
from ig_tasks.attribution.targets import Choice
from ig_tasks.errors import InputError
from ig_tasks.explanations.asked import Asked
from ig_tasks.explanations.explained_rows import ExplainedRows
from ig_tasks.explanations.members import members_of
from ig_tasks.presentation.quality_measures import MEASURES, figure_words

__all__ = ["BASELINES", "ExplanationQuality", "cluster_codes", "judge_explanation", "subject_of"]

BASELINES = ("auto", "zero", "mean", "median", "mode")
"""Baselines that an explanation is compared with, unless others are named."""


@dataclass(frozen=True, repr=False)
class ExplanationQuality(Measures):
    """What `explanation.quality()` found: figures with errors, each with what it means."""

    def __getitem__(self, measure: str) -> Measured:
        """The only figure of a measure, or the last of several: of `randomised` the whole model's."""
        found = [figure for figure in self.figures if figure.measure == measure]
        if not found:
            raise KeyError(measure)
        return found[-1]

    def to_frame(self) -> pd.DataFrame:
        """One row per figure: measure, what it is of, value, standard error, rows, and what chance would give."""
        columns = ("measure", "of", "value", "se", "rows", "chance")
        return pd.DataFrame({name: [getattr(figure, name) for figure in self.figures] for name in columns})

    def __repr__(self) -> str:
        lines = [f"ExplanationQuality of {self.rows:,} row{'' if self.rows == 1 else 's'}"]
        lines += [f"  {figure_words(figure)}" for figure in self.figures]
        told = dict.fromkeys(figure.measure for figure in self.figures)
        lines += [f"  {MEASURES[name].title}: {MEASURES[name].meaning} {MEASURES[name].good}" for name in told]
        return "\n".join([*lines, *(f"  {name}: not measured: {why}" for name, why in self.aside.items())])


def judge_explanation(
    explanation: ExplainedRows,
    *,
    rows: int,
    checks: Sequence[str] | None,
    baselines: Mapping[str, Any] | Sequence[str] | None,
    scale: float | Mapping[str, Any] | None,
    labels: Any = None,
    **options: Any,
) -> ExplanationQuality:
    """Judge an explanation on at most so many of its rows; arguments as for `Explanation.quality`.

    Args:
        labels: (rows,) of clusters.
        matrix: its attributions (rows, features), of which `groups` says what each sums.

    Raises:
        InputError: where it cannot be asked again, or an argument is out of range.
    """
    asked, result = explanation.asked, explanation
    if asked is None:
        raise InputError("quality: this explanation has lost its model; call explain again, in this process")
    if result.output.ndim > 1:
        raise InputError("quality: it judges one output; explain one target instead of 'all'")
    _check_numbers(options, len(explanation), labels)
    if rows < 2:
        raise InputError(f"rows: {rows} tell nothing of their spread; give 2 or more")
    matrix = explanation.matrix
    seed = int(options.get("seed", 0))
    usable = np.flatnonzero(np.isfinite(matrix).all(axis=1) & np.isfinite(result.output))
    if not len(usable):
        raise InputError("quality: no row was explained")
    chosen = np.sort(np.random.default_rng(seed).permutation(usable)[:rows])
    subject = subject_of(explanation, chosen)
    settings = QualityOptions(
        checks=tuple(checks or ()),
        clusters=None if labels is None else cluster_codes(np.asarray(labels, dtype=object)[chosen]),
        scale=_scale(asked, scale),
        baselines=_candidates(asked, baselines, partial(_placed, asked, _places(asked, chosen))),
        **options,
    )
    found = measure(subject, settings)
    return ExplanationQuality(found.rows, found.figures, found.aside)


def _check_numbers(options: Mapping[str, Any], rows: int, labels: Any) -> None:
    for name in ("draws", "layers"):
        if name in options and not (is_count(options[name]) and options[name] >= 1):
            raise InputError(f"{name}: {options[name]!r} is not a whole number of 1 or more")
    radius = options.get("radius", 1.0)
    if not (is_number(radius) and radius > 0):
        raise InputError(f"radius: {radius!r} is not a number above 0")
    if labels is not None and len(labels) != rows:
        raise InputError(f"clusters: {len(labels)} labels for {rows} rows")


def cluster_codes(labels: NDArray[np.object_]) -> NDArray[np.int64]:
    """Numbers (rows,) of the clusters of these labels, -1 of rows without one."""
    return np.asarray(pd.factorize(labels)[0], dtype=np.int64)


def _places(asked: Asked, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places among the inputs of rows of the explanation, of which some could not be encoded."""
    return chosen if asked.kept is None else (np.cumsum(asked.kept) - 1)[chosen]


def subject_of(explanation: ExplainedRows, chosen: NDArray[np.intp]) -> Subject:
    """Rows of an explanation, by their places, as the checks take them.

    Raises:
        InputError: for an explanation that was read or sent.
    """
    asked, matrix = explanation.asked, explanation.matrix
    if asked is None:
        raise InputError("quality: this explanation has lost its model; call explain again, in this process")
    places = _places(asked, chosen)
    arrays = asked.inputs.arrays
    some = {name: array[places] for name, array in arrays.items()}
    count = asked.inputs.rows
    fixed = {
        name: value[places] if isinstance(value, np.ndarray) and value.ndim and len(value) == count else value
        for name, value in asked.fixed.items()
    }
    inputs = asked.inputs.with_arrays(some)
    starts = [rows_of_start(start, arrays, asked.layers, places) for start in asked.starts]
    return Subject(
        model=asked.model,
        inputs=inputs,
        starts=starts,
        shares=asked.shares,
        options=asked.options,
        fixed=fixed,
        target=_target(asked, inputs, starts, fixed, places),
        layers=asked.layers,
        members=members_of(arrays, explanation.groups),
        attributions=matrix[chosen],
        output=explanation.output[chosen],
        baseline_output=explanation.baseline_output[chosen],
        place=lambda model: _placed(asked, places, model=model),
    )


def _placed(asked: Asked, places: NDArray[np.intp], *, model: Any = None, baseline: Any = None) -> Starts:
    """Baselines of some rows, made of all."""
    starts, shares = asked.starts_of(model, baseline)
    return [rows_of_start(start, asked.inputs.arrays, asked.layers, places) for start in starts], shares


def _target(
    asked: Asked, inputs: Any, starts: Sequence[Mapping[str, Any]], fixed: Mapping[str, Any], places: NDArray[np.intp]
) -> Any:
    """The output of some rows; a row's largest one is chosen at the row itself, wherever its features go."""
    choice = Choice.of(asked.target)
    count = asked.inputs.rows

    def of_rows(value: Any) -> Any:
        return value[places] if isinstance(value, np.ndarray) and len(value) == count else value

    choice = replace(choice, position=of_rows(choice.position), column=of_rows(choice.column))
    if not choice.predicted:
        return choice
    columns = predicted_columns(
        asked.model, inputs, starts[0], options=asked.options, fixed=fixed, target=choice, layers=asked.layers
    )
    return replace(choice, column=columns)


def _scale(asked: Asked, scale: float | Mapping[str, Any] | None) -> dict[str, NDArray[np.float64]]:
    """One unit of each number of the inputs that hold numbers, {input: (row's shape)}."""
    arrays = asked.inputs.arrays
    numbers = [name for name in arrays if name not in asked.layers and np.asarray(arrays[name]).dtype.kind == "f"]
    if scale is None:
        return scales(arrays, iter(numbers))
    given = asked.inputs.renamed(scale) if isinstance(scale, Mapping) else dict.fromkeys(numbers, scale)
    for name in given:
        if name not in numbers:
            raise InputError(f"scale: '{name}' is not an input of numbers; those are {', '.join(numbers) or 'none'}")
    return {
        name: np.broadcast_to(np.asarray(value, np.float64), arrays[name].shape[1:]) for name, value in given.items()
    }


def _candidates(
    asked: Asked, baselines: Mapping[str, Any] | Sequence[str] | None, placed: Callable[..., Starts]
) -> dict[str, Callable[[], Starts]]:
    named = baselines if isinstance(baselines, Mapping) else {str(name): name for name in baselines or BASELINES}
    own = asked.baseline if isinstance(asked.baseline, str) else None
    return {name: partial(placed, baseline=value) for name, value in named.items() if baselines or name != own}
