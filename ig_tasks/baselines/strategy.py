"""A strategy with its options in Python, in the words of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ig_tasks.errors import BaselineError, suggest
from ig_tasks.spec import BaselineSpec
from ig_tasks.spec.baseline import STRATEGIES as _ALL
from ig_tasks.spec.messages import first_error

__all__ = ["STRATEGIES", "Strategy", "strategy_spec"]

STRATEGIES = tuple(sorted(name for name in _ALL if name != "table"))
"""What `explain` takes by name: of a table one gives the row itself."""


class Strategy:
    """A baseline's strategy for `explain`, with its options as in a spec: `Strategy("quantile", q=0.1)`.

    Args:
        strategy: "auto", "median", "mean", "mode", "zero", "mean_embedding", "unknown"; "constant" (value);
            "quantile" (q); "samples" (k, seed); "kmeans" (k, seed); "blur" (sigma); "noise" (k, seed);
            "max_distance"; "reference_population" (k, seed).
        segment: of a strategy that is fitted for each level of a column of the tables.

    Raises:
        BaselineError: for an unknown strategy, or options that do not go with it.
    """

    def __init__(
        self,
        strategy: str,
        *,
        value: float | Mapping[str, float | str] | None = None,
        q: float | None = None,
        k: int | None = None,
        sigma: float | None = None,
        segment: str | None = None,
        seed: int | None = None,
    ) -> None:
        if strategy not in STRATEGIES:
            hint = suggest(strategy, STRATEGIES, noun="strategies")
            raise BaselineError(f"baseline: '{strategy}' is not a strategy{hint}")
        options = {"value": value, "q": q, "k": k, "sigma": sigma, "segment": segment, "seed": seed}
        try:
            self.spec = BaselineSpec.model_validate({"strategy": strategy, **options})
        except ValidationError as error:
            raise BaselineError(f"baseline: {first_error(error, BaselineSpec)}") from None

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.spec.options.items())
        return f"Strategy({self.spec.strategy!r}{options})"


def strategy_spec(baseline: Any) -> BaselineSpec | None:
    """What a strategy's name, a `Strategy` or a spec's section asks for; None for anything else.

    Raises:
        BaselineError: for an unknown strategy, or one that needs options.
    """
    if isinstance(baseline, BaselineSpec):
        return baseline
    if isinstance(baseline, str):
        baseline = Strategy(baseline)
    return baseline.spec if isinstance(baseline, Strategy) else None
