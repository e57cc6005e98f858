"""`explain`: the notebook's door to models, baselines and the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.attribution import AttributionResult, EngineOptions, NamedInputs, attribute_by_method
from ig_tasks.attribution.backends import as_model
from ig_tasks.attribution.feeds import Layers
from ig_tasks.attribution.result import NOT_FINITE
from ig_tasks.baselines.arguments import named_inputs, values_by_name
from ig_tasks.baselines.explaining import starts_for
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.features import Feature, feature_values
from ig_tasks.data.inputs import explained
from ig_tasks.data.tokens import tokens_of
from ig_tasks.errors import DataError, InputError
from ig_tasks.explanations.asked import Asked
from ig_tasks.explanations.explanation import Explanation
from ig_tasks.explanations.outcome_argument import given_outcomes
from ig_tasks.models.loaded import LoadedModel
from ig_tasks.models.loss import OUTCOME, with_outcomes

__all__ = ["explain"]


def explain(
    model: Any,
    inputs: Any,
    *,
    baseline: Any = "zero",
    reference: Any = None,
    fixed: Mapping[str, Any] | None = None,
    target: Any = None,
    space: str | None = None,
    label: Any = None,
    method: Any = "integrated_gradients",
    integrator: str = "auto",
    steps: int | None = None,
    tolerance: float = 0.01,
    absolute_tolerance: float = 0.0,
    max_evaluations: int = 4097,
    layers: Layers | None = None,
    precision: str = "model",
    device: str | None = None,
    memory_limit: int | None = None,
    seed: int = 0,
) -> Explanation:
    """Attribute a model's output to its inputs, row by row.

    Args:
        model: a torch.nn.Module, a keras.Model, a function of their tensors, or what `load_model` returns.
        inputs: an array (rows, ...); {input name: array}; a tuple or list of arrays, which are the model's positional
            inputs; or a DataFrame for a loaded model package. Rows of a DataFrame that cannot be encoded come back
            "not_finite", with the reason in `details["quarantined"]`. Attributions are an array, or a dict by input
            name, in the shapes of the inputs. No rows give an empty explanation.
        baseline: None or "zero"; another strategy's name, or a Strategy with options, fitted on `reference`. A number;
            an array of one row's shape (shared) or of the inputs'; a dict of these by input name, or a tuple in the
            order of the inputs; Samples: k baselines, averaged. For an embedded input whole numbers are ids, others
            vectors.
        reference: data given like the inputs.
        fixed: {input name: value}, passed on as they are: arrays (rows, ...), or constants of any kind.
        target: None (the single output); a column; an array or tensor of columns, one per row; "predicted" or "all"; an
            output's name. (2, 1), or an array (rows, 2), is a place in an output of more axes. {"head": "scores",
            "position": 3, "column": 1} chooses of several outputs by name or place, then a position, then a column;
            each may be left out.
        space: of a loaded package's target: "logit", "probability", "calibrated" or "margin"; its own unless given.
            "loss": what the prediction costs at the row's outcome, in nats of log loss or as a squared error.
        label: with space "loss", outcomes (rows,) or the column of the DataFrame that holds them. The path leaves them
            as they are.
        layers: {input name: layer name} where the path runs in an embedding layer's output; a list of names where
            several layers embed the input, {column: name} where each column of a matrix of ids has one. A loaded
            package's own unless given.

    The other arguments are the fields of `EngineOptions`.

    Raises:
        UserError: a subclass for each kind of bad argument, with a message of one line.
    """
    options = EngineOptions(
        method=method,
        integrator=integrator,
        steps=steps,
        tolerance=tolerance,
        absolute_tolerance=absolute_tolerance,
        max_evaluations=max_evaluations,
        precision=precision,
        device=device,
        memory_limit=memory_limit,
        seed=seed,
    )
    loaded = model if isinstance(model, LoadedModel) else None
    output_details: dict[str, str] = {}
    table = inputs if isinstance(inputs, pd.DataFrame) else None
    outcomes = given_outcomes(loaded, target, space, label, table)
    if loaded is not None:
        model, target, output_details = _target(loaded, target, space)
        layers = loaded.layers if layers is None else layers
    elif space is not None:
        raise InputError("space: belongs to a target of a model package; put what follows the logit into the model")
    else:
        model = as_model(model, inputs)
    for field, value in (("fixed", fixed), ("layers", layers)):
        if not isinstance(value, Mapping | None):
            raise InputError(f"{field}: {value!r:.80} is not a dict by input name, {field}={{'input name': ...}}")
    encoded = None if table is None else _encode(loaded, table, "inputs")
    if outcomes is not None and encoded is not None:
        encoded = with_outcomes(encoded, outcomes, str(label) if isinstance(label, str) else "label")
    elif outcomes is not None:
        fixed = {**(fixed or {}), OUTCOME: outcomes}
    named = named_inputs(loaded, model, _rows_of(inputs) if encoded is None else encoded.inputs)
    layers = named.renamed(layers or {})
    if encoded is not None:
        fixed = {**encoded.fixed, **(fixed or {})}
    usable = None if table is None or encoded is None else table[encoded.keep]
    baseline, reference = values_by_name(named, "baseline", baseline), values_by_name(named, "reference", reference)
    starts, shares = starts_for(loaded, model, baseline, reference, named.arrays, layers, usable)
    result = attribute_by_method(
        model, named, starts, options, shares=shares, fixed=fixed, target=target, layers=layers
    )
    result = replace(result, details={**result.details, **output_details}) if output_details else result
    asked = Asked(
        loaded=loaded,
        model=model,
        inputs=named,
        baseline=baseline,
        reference=reference,
        starts=starts,
        shares=shares,
        options=options,
        fixed=fixed or {},
        target=target,
        layers=layers,
        table=usable,
        kept=None if encoded is None else encoded.keep,
    )
    if set(named.by_name(result.attributions)) != set(named.arrays):  # units of layers
        units = NamedInputs("named", dict(named.by_name(result.attributions)))
        whole = result if encoded is None else _with_quarantined(result, encoded)
        return Explanation.of(whole, tuple(units.element_names()), None, None if table is None else table.index)
    if table is None or encoded is None or loaded is None:
        names, values, groups = _features(loaded, named)
        return replace(Explanation.of(result, names, values), groups=groups, asked=asked)
    features, specs = loaded.package.features, loaded.package.config.inputs
    tokens = tokens_of(named.arrays, encoded.token_masks, specs)
    explanation = Explanation.of_features(
        _with_quarantined(result, encoded),
        features,
        feature_values(table, features, specs),
        table.index,
        tokens={name: _spread(words, None, encoded) for name, words in tokens.items()},
    )
    return replace(explanation, asked=asked)


def _rows_of(inputs: Any) -> Any:
    """`inputs`, unless they are something else that people call rows."""
    records = isinstance(inputs, list | tuple) and bool(inputs) and isinstance(inputs[0], Mapping)
    if isinstance(inputs, str | pd.Series) or records or hasattr(inputs, "to_pandas"):
        module, name = type(inputs).__module__.split(".")[0], type(inputs).__name__
        kind = "a list of records" if records else f"a {name if module == 'builtins' else f'{module}.{name}'}"
        raise InputError(
            f"inputs: {kind} is not a table; give a pandas.DataFrame with a loaded model package, an array, or "
            "{input: array}"
        )
    return inputs


def _target(loaded: LoadedModel, target: Any, space: str | None) -> tuple[Any, Any, dict[str, str]]:
    """The module to explain, the target as the engine takes it, and the details that name the output."""
    by_name = target is None or (isinstance(target, str) and target not in ("predicted", "all"))
    by_name = by_name or isinstance(target, Mapping)
    if not by_name and space is None:
        return loaded.model, target, {}
    if not isinstance(target, str | int | Mapping | None) or target in ("predicted", "all"):
        raise InputError(f"space: '{space}' is one of a target; name the target, not {target!r}")
    explained = loaded.for_target(target, space)
    return explained.model, explained.output, loaded.output_details(target, explained.space)


def _encode(loaded: LoadedModel | None, table: pd.DataFrame, argument: str) -> Encoded:
    if loaded is None:
        raise InputError(f"{argument}: a DataFrame needs a loaded model package, which knows the columns; give arrays")
    return loaded.package.encode(table)


def _features(
    loaded: LoadedModel | None, inputs: NamedInputs
) -> tuple[tuple[str, ...], NDArray[Any], tuple[Feature, ...]]:
    """Names and values (rows, features) of everything that has an attribution, and what each sums if not one number."""
    rows, groups = inputs.rows, _groups(loaded, inputs.arrays)
    arrays = {feature.input: inputs.arrays[feature.input] for feature in groups} or inputs.arrays
    if any(feature.elements is not None for feature in groups):
        # What a sum of many numbers held cannot be said in one.
        return tuple(feature.name for feature in groups), np.full((rows, len(groups)), None, dtype=object), groups
    parts = [array.reshape(rows, math.prod(array.shape[1:])) for array in arrays.values()]
    values = parts[0] if len(parts) == 1 else np.concatenate([part.astype(object) for part in parts], axis=1)
    if groups:
        return tuple(feature.name for feature in groups), values, groups
    return tuple(inputs.element_names()), values, ()


def _groups(loaded: LoadedModel | None, arrays: dict[str, NDArray[Any]]) -> tuple[Feature, ...]:
    """The package's features, if the arrays are shaped as it would shape them."""
    if loaded is None or loaded.package.bare:
        return ()
    specs = explained(loaded.package.config.inputs)
    fits = set(arrays) == set(specs) and all(arrays[name].shape[1:] == spec.row_shape for name, spec in specs.items())
    return loaded.package.features if fits else ()


def _with_quarantined(result: AttributionResult, encoded: Encoded) -> AttributionResult:
    """Explanations of all rows of the table, in its order: nothing is dropped silently."""
    keep = encoded.keep
    if keep.all():
        return result
    if not isinstance(result.attributions, dict):
        raise DataError("inputs: a table's explanation is by input name")
    numbers = ("output", "baseline_output", "convergence_delta", "relative_delta", "error_estimate")
    spread: dict[str, Any] = {name: _spread(getattr(result, name), np.nan, encoded) for name in numbers}
    reasons = {int(row): str(encoded.reasons[row]) for row in np.flatnonzero(~keep)}
    return replace(
        result,
        attributions={name: _spread(part, np.nan, encoded) for name, part in result.attributions.items()},
        evaluations=_spread(result.evaluations, 0, encoded),
        status=_spread(result.status, NOT_FINITE, encoded),
        standard_error=_spread_errors(result.standard_error, encoded),
        details={**result.details, "quarantined": reasons},
        **spread,
    )


def _spread_errors(errors: Any, encoded: Encoded) -> Any:
    if errors is None:
        return None
    return {name: _spread(part, np.nan, encoded) for name, part in errors.items()}


def _spread(values: NDArray[Any], missing: Any, encoded: Encoded) -> NDArray[Any]:
    """The kept rows' array over all rows of the table."""
    full = np.full((encoded.keep.size, *values.shape[1:]), missing, dtype=values.dtype)
    full[encoded.keep] = values
    return full
