"""What a spec must hold for the loss of each row to be explained, and what does not go with it."""

from __future__ import annotations

from ig_tasks.errors import SpecError
from ig_tasks.models import ModelPackage
from ig_tasks.models.loss import is_loss
from ig_tasks.models.outcomes import labelled
from ig_tasks.spec import ExplanationSpec

__all__ = ["check_loss", "for_loss"]


def for_loss(spec: ExplanationSpec, package: ModelPackage) -> ModelPackage:
    """The package, with the rows' outcomes where their loss is explained.

    Raises:
        ModelError: for a target of which model.yaml does not say what its outcomes are.
    """
    if spec.data.label is None or not _asks_for_loss(spec.model.space, spec, package):
        return package
    return labelled(package, spec.data.label, spec.model.target)


def check_loss(spec: ExplanationSpec, package: ModelPackage) -> None:
    """Refuse what does not go with the loss of rows, where that is explained.

    Raises:
        SpecError: naming the field that is absent, or does not go with a loss.
    """
    if _asks_for_loss(spec.baseline.space, spec, package):
        raise SpecError("baseline.space: a cutoff lies in no loss; name the space in which people decide")
    if not _asks_for_loss(spec.model.space, spec, package):
        return
    if spec.data.label is None:
        raise SpecError("model.space: a loss is one at the row's outcome; name the column that holds it, data.label")
    if spec.model.served is not None or spec.data.prediction is not None:
        field = "model.served" if spec.model.served is not None else "data.prediction"
        raise SpecError(f"{field}: a loss is not compared with what is served; leave it out, or explain another space")
    if spec.reasons is not None:
        raise SpecError(
            "reasons: a loss says how wrong a prediction was, and not which way it went; leave them out, or explain "
            "another space"
        )
    if spec.baseline.cutoff is not None and spec.baseline.space is None:
        raise SpecError("baseline.space: a cutoff lies in no loss; name the space in which people decide")


def _asks_for_loss(space: str | None, spec: ExplanationSpec, package: ModelPackage) -> bool:
    """Whether a space is the loss of rows, and not one that model.yaml gives to the model's own output."""
    return is_loss(space) and space != package.config.choose_target(spec.model.target, None).space
