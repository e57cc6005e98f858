"""What is compared with the outcome of a row: which number the model predicts, and how the outcome is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ig_tasks.errors import ModelError
from ig_tasks.models.config import ModelConfig
from ig_tasks.models.contents import PackageContents
from ig_tasks.models.loaded import LoadedModel
from ig_tasks.models.loss import LabelColumn
from ig_tasks.models.output_steps import Functions
from ig_tasks.models.outputs import Head, Selection
from ig_tasks.models.spaces import converter, margin_base, selection_of
from ig_tasks.models.target_config import Chosen, Target
from ig_tasks.statistics.losses import OutcomeKind

__all__ = ["Outcome", "class_probabilities", "falls", "labelled", "outcome_of", "prediction"]

Floats = NDArray[np.float64]
Contents = TypeVar("Contents", bound=PackageContents)


@dataclass(frozen=True)
class Outcome:
    """How outcomes of a target are written, and the space in which they are predicted.

    Attributes:
        kind: "binary" outcomes are 0 and 1, "class" ones numbers of output columns (or names of targets that explain
            them), "number" ones are in the units of the target.
        space: the probability that people act on: calibrated where the target is; of a number the target's own space.
        column: of a class the column that is explained.
        classes: {name of a target that explains a class: its column}.
    """

    kind: OutcomeKind
    space: str
    target: str
    column: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)


def outcome_of(config: ModelConfig, target: Target) -> Outcome:
    """What the outcome of a target is.

    Raises:
        ModelError: for a column of several logits of which model.yaml does not say what they are.
    """
    own = target.config
    if own.space not in ("logit", "probability") and own.calibration is None:
        return Outcome("number", own.space, target.name)
    if own.space == "logit" and own.activation is None and own.column:
        raise ModelError(
            f"target '{target.name}' is column {own.column} of several; add `activation` to it in model.yaml: softmax "
            "if they are classes that exclude one another, sigmoid if each is a yes or no of its own"
        )
    space = "calibrated" if own.calibration is not None else "probability"
    if own.activation != "softmax":
        return Outcome("binary", space, target.name)
    named = {
        name: other.column
        for name, other in config.targets.items()
        if other.activation == "softmax" and other.column is not None and _head(other.output) == _head(own.output)
    }
    return Outcome("class", space, target.name, own.column or 0, named)


def labelled(package: Contents, column: str, target: Chosen) -> Contents:
    """The package whose rows come with their outcomes, of a column, so that their loss can be explained.

    Raises:
        TargetError, ModelError: as `outcome_of`.
    """
    outcome = outcome_of(package.config, package.config.choose_target(target, None))
    return replace(package, label=LabelColumn(column, outcome.kind, outcome.target, outcome.classes))


def falls(target: Target) -> bool:
    """Whether the outcome is less probable the larger the number explained, as before a calibration that turns it."""
    calibration = target.config.calibration
    turned = calibration is not None and calibration.method == "platt" and (calibration.slope or 0.0) < 0.0
    return turned and target.space not in ("calibrated", "margin")


def prediction(
    loaded: LoadedModel, target: Target, outcome: Outcome, output: Floats, arrays: Callable[[], Mapping[str, Any]]
) -> Floats:
    """What the model predicts of each row (rows,), in the outcome's space: the same whichever space is explained.

    Args:
        output: the number that was explained, in the target's space.
        arrays: the rows as the model takes them; asked for only where `output` does not say what is predicted, as the
            score of one class does not, nor does a probability that single precision rounded to 1.
    """
    own = target.config
    declared = target.space == own.space or (target.space == "margin" and margin_base(own) == own.space)
    space = target.space if declared else own.space
    try:
        convert = converter(target.name, own, space, outcome.space)
    except ModelError:
        return loaded.output(arrays(), target.name, outcome.space)
    numbers = output if declared else loaded.output(arrays(), target.name, space)
    return np.asarray(convert(np.asarray(numbers, np.float64)), np.float64)


def class_probabilities(loaded: LoadedModel, target: Target, arrays: Mapping[str, Any]) -> Floats:
    """Softmax (rows, classes) of the columns among which a target's is, temperature included; one forward per row."""
    chosen = selection_of(target.config).model_copy(update={"column": None})
    calibration = target.config.calibration
    temperature = calibration.temperature if calibration is not None and calibration.method == "temperature" else None
    scores = np.asarray(loaded.call_head(_Classes(target.name, "logit", chosen, ()), arrays), np.float64)
    return np.asarray(softmax(scores / (temperature or 1.0), axis=1), np.float64)


@dataclass(frozen=True)
class _Classes(Head):
    """A head that keeps all columns."""

    def of_tensor(self, functions: Functions, x: Any, outcome: Any = None) -> Any:
        del functions, outcome
        position = self.selection.position
        return x if position is None else x[:, position]


def _head(output: Any) -> tuple[Any, Any]:
    return (output.head, output.position) if isinstance(output, Selection) else (None, None)
