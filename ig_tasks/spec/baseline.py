"""The section `baseline`: which strategy, fitted on what, with which options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from ig_tasks.spec.fields import Column, PartitionText, Section, Share
from ig_tasks.spec.uris import Uri

Strategy = Literal[
    "auto", "zero", "mean", "median", "mode", "table",
    "constant", "quantile", "unknown", "mean_embedding", "samples", "kmeans", "blur", "noise", "max_distance",
    "reference_population",
]  # fmt: skip
STRATEGIES: tuple[str, ...] = get_args(Strategy)

_NEEDED = object()
_OPTIONS: dict[str, dict[str, Any]] = {
    "constant": {"value": _NEEDED},
    "quantile": {"q": _NEEDED},
    "samples": {"k": 20, "seed": 0},
    "kmeans": {"k": 8, "seed": 0},
    "blur": {"sigma": None},
    "noise": {"k": 1, "seed": 0},
    "reference_population": {"k": 50, "seed": 0, "cutoff": None, "within": None, "side": None, "space": None},
}
"""{strategy: {option: what it is unless given}}."""

SEGMENTED = ("auto", "mean", "median", "mode", "quantile", "mean_embedding")
"""Strategies that may be fitted for each level of a segment column."""

NEED_OPTIONS = tuple(name for name, options in _OPTIONS.items() if _NEEDED in options.values())
"""Strategies that are nothing by their name alone."""

_ORIGINAL = ("strategy", "partition", "uri")


class BaselineSpec(Section):
    """The baseline: a strategy, fitted once on a partition of the data or on data of its own."""

    strategy: Strategy = "auto"
    partition: PartitionText | None = None
    uri: Uri | None = None
    value: Annotated[
        float | dict[str, float | str] | None,
        Field(description="of `constant`: a number for every number, or {feature: value}; the others are as in `auto`"),
    ] = None
    q: Annotated[Share | None, Field(description="of `quantile`: from 0 to 1")] = None
    k: Annotated[
        PositiveInt | None,
        Field(
            le=10_000,
            description="baselines that are averaged: 20 `samples`, 8 centres of `kmeans`, 1 of `noise`, 50 of a "
            "`reference_population`",
        ),
    ] = None
    sigma: Annotated[
        PositiveFloat | None,
        Field(description="of `blur`, in pixels or time steps; left out: a tenth of the longest axis"),
    ] = None
    segment: Annotated[
        Column | None,
        Field(description="column by whose levels the baseline is fitted; other levels take the overall one"),
    ] = None
    cutoff: Annotated[
        float | None,
        Field(description="of `reference_population`: where the decision falls; left out: the population is all rows"),
    ] = None
    within: Annotated[
        PositiveFloat | None,
        Field(description="how far from the cutoff a row's output may lie on the side that passes"),
    ] = None
    side: Annotated[
        Literal["above", "below"] | None, Field(description="which side of the cutoff passes; above unless given")
    ] = None
    space: Annotated[
        Uri | None, Field(description="of cutoff and within, such as probability; left out: the space explained")
    ] = None
    seed: Annotated[
        NonNegativeInt | None,
        Field(description="of `samples`, `kmeans`, `noise` and `reference_population`; 0 unless given"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _options_of_the_strategy(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        strategy = data.get("strategy", "auto")
        if strategy not in STRATEGIES:
            return data
        options = _OPTIONS.get(strategy, {})
        for name in ("value", "q", "k", "sigma", "cutoff", "within", "side", "space", "seed"):
            if data.get(name) is not None and name not in options:
                owners = ", ".join(owner for owner, allowed in _OPTIONS.items() if name in allowed)
                raise ValueError(f"{name} is not an option of strategy {strategy!r}, but of: {owners}")
        for name, default in options.items():
            if default is _NEEDED and data.get(name) is None:
                raise ValueError(f"strategy {strategy!r} needs {name}")
        if data.get("segment") is not None and strategy not in SEGMENTED:
            raise ValueError(f"segment goes with {', '.join(SEGMENTED)}, not with strategy {strategy!r}")
        if strategy == "table" and data.get("uri") is None:
            raise ValueError("strategy 'table' needs uri: a Parquet file of one row, a column for each feature")
        if (data.get("cutoff") is None) != (data.get("within") is None):
            raise ValueError("cutoff and within go together: rows at the cutoff or at most `within` beyond it count")
        for name in ("side", "space"):
            if data.get(name) is not None and data.get("cutoff") is None:
                raise ValueError(f"{name} says how the cutoff is meant; add cutoff and within, or leave {name} out")
        settings = {name: value for name, value in data.items() if value is not None}
        if settings.get("cutoff") is not None:
            options = {**options, "side": "above"}
        return {name: default for name, default in options.items() if default is not _NEEDED} | settings

    @property
    def options(self) -> dict[str, Any]:
        """The options that are set, as JSON values; empty for the strategies that have none."""
        document: dict[str, Any] = self.model_dump(mode="json", exclude=set(_ORIGINAL), exclude_none=True)
        return document

    @property
    def document(self) -> dict[str, Any]:
        """What was asked for, without options that are not set: a fitted baseline's key is made of it."""
        return self.model_dump(mode="json", include=set(_ORIGINAL)) | self.options

    def with_strategy(self, strategy: str) -> dict[str, Any]:
        """The section's document with another strategy: options stay with the one they were given for."""
        document = self.document if strategy == self.strategy else self.model_dump(mode="json", include=set(_ORIGINAL))
        return document | {"strategy": strategy}
