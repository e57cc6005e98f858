"""The question that every explanation answers about itself: how good is it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ig_tasks.explanations.quality import ExplanationQuality

__all__ = ["Judgeable"]


class Judgeable:
    """What an explanation can be asked while its model is at hand."""

    def quality(
        self,
        rows: int = 100,
        *,
        checks: Sequence[str] | None = None,
        draws: int = 10,
        radius: float = 0.02,
        scale: float | Mapping[str, Any] | None = None,
        methods: Sequence[str] | None = None,
        baselines: Mapping[str, Any] | Sequence[str] | None = None,
        layers: int = 8,
        clusters: Any = None,
        seed: int = 0,
    ) -> ExplanationQuality:
        """How good the explanation is, measured on a sample of its rows by asking the model again.

        Args:
            rows: at most so many, chosen at random.
            checks: "infidelity", "sensitivity", "curves", "sparseness", "randomisation", "methods", "baselines"; None:
                all of them.
            draws: random sets of features, and random moves of the inputs, per row.
            radius: how far numbers are moved for the sensitivity, in units of `scale`.
            scale: the unit of the inputs' numbers, {input: number or one row's array}; None: their standard deviations
                over the rows.
            methods: methods that are compared, by name; None: all others that need nothing but their name.
            baselines: baselines that are compared, by strategy or {name: baseline}; None: auto, zero, mean, median and
                mode, as far as they fit.
            layers: steps in which the weights of a copy of the model are randomised.
            clusters: (rows,) labels of rows that are not independent, for the standard errors.
            seed: of every draw.

        Raises:
            InputError: for an explanation that was read or sent, or an argument out of range.
        """
        from ig_tasks.explanations.quality import judge_explanation  # it is needed by few

        return judge_explanation(
            self,  # type: ignore[arg-type]  # an explanation is one
            rows=rows,
            checks=checks,
            baselines=baselines,
            scale=scale,
            labels=clusters,
            draws=draws,
            radius=radius,
            methods=methods,
            layers=layers,
            seed=seed,
        )
