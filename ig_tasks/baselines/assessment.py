"""What the baseline doctor found, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from ig_tasks.presentation.percentages import percent

__all__ = ["SMALL_CHANGE", "BaselineAssessment", "BaselineFindings", "recommended"]

SMALL_CHANGE = 0.05
"""A difference in output below this share of the outputs' standard deviation is small."""
_SMALL_SHARE = 0.2
"""More rows than this whose output hardly differs from the baseline's leave little to explain."""
_TAIL = 5.0
"""A percentile closer to an end than this is far from neutral."""
_SURE = 0.01
_RANKED = 3
"""Features that a ranking needs before rank correlations say anything."""
_ALIKE = 0.5
"""Rankings that correlate less do not agree."""
_LOG_ODDS = ("logit", "margin")
_PROBABILITIES = ("probability", "calibrated")
_WEIGHTS = {"common": 4, "sure": 2, "small": 2, "outside": 1}


@dataclass(frozen=True)
class BaselineFindings:
    """What was found of one baseline."""

    name: str
    baselines: int
    """How many are averaged."""
    output: float
    """Mean output at the baseline."""
    percentile: float
    """Where `output` lies among the rows' outputs, 0 to 100."""
    small_share: float
    """Share of the rows whose output hardly differs from that at the baseline."""
    outside: Mapping[str, str]
    """{feature: what lies where no row of the data is}."""
    identical_rows: int
    """Rows that are the baseline itself, and get nothing but zeros."""
    common_row: bool
    """Whether the most common row is among these."""
    abs_mean: tuple[float, ...]
    """Mean |attribution| of each feature."""
    converged: float
    evaluations: float

    def problems(self, space: str, times: int) -> dict[str, str]:
        """{kind: what speaks against it, in words}; `times` is how often the most common row is there."""
        problems: dict[str, str] = {}
        if self.common_row and times > 1:
            problems["common"] = (
                f"it is the data's most common row: {self.identical_rows} rows are identical to it and get "
                "all-zero attributions"
            )
        elif self.identical_rows == 1:
            problems["common"] = "one row is identical to it and gets all-zero attributions"
        elif self.identical_rows:
            problems["common"] = f"{self.identical_rows} rows are identical to it and get all-zero attributions"
        if not _TAIL <= self.percentile <= 100 - _TAIL:
            problems["sure"] = f"its output is far from neutral, {self.where(space)}"
        elif (chance := self.chance(space)) is not None and not _SURE <= chance <= 1 - _SURE:
            problems["sure"] = f"the model is all but sure there, {self.where(space)}"
        if self.small_share > _SMALL_SHARE:
            problems["small"] = (
                f"the output of {percent(self.small_share)} of the rows hardly differs from that at the baseline"
            )
        if self.outside:
            listed = [f"{feature} ({position})" for feature, position in list(self.outside.items())[:3]]
            more = f" and {len(self.outside) - 3} more" if len(self.outside) > 3 else ""
            problems["outside"] = f"outside the data in {', '.join(listed)}{more}"
        return problems

    def chance(self, space: str) -> float | None:
        """The probability that the output says, in spaces that say one."""
        if space in _PROBABILITIES:
            return self.output
        return float(expit(self.output)) if space in _LOG_ODDS else None

    def where(self, space: str) -> str:
        """The output at the baseline, in words."""
        percentile = f"percentile {self.percentile:.0f} of the rows' outputs"
        chance = self.chance(space)
        if chance is None or space == "margin":
            return f"{self.output:.4g}, {percentile}"
        if space in _PROBABILITIES:
            return f"probability {chance:.3g}, {percentile}"
        return f"{self.output:.4g}, a probability of {chance:.3g}, {percentile}"


@dataclass(frozen=True)
class BaselineAssessment:
    """Several baselines, judged on the same rows."""

    space: str
    rows: int
    features: tuple[str, ...]
    output_spread: float
    """Standard deviation of the rows' outputs."""
    common_row: int
    """A row (its place) of those that are most often there to the last bit."""
    common_rows: int
    """How often."""
    findings: tuple[BaselineFindings, ...]
    aside: Mapping[str, str] = field(default_factory=dict)
    """{candidate: why it could not be tried}."""
    recommendation: tuple[str, str] = ("", "")
    """The candidate to take, and why."""

    def problems(self, name: str) -> dict[str, str]:
        """{kind: what speaks against this candidate}."""
        return self[name].problems(self.space, self.common_rows)

    def __getitem__(self, name: str) -> BaselineFindings:
        return next(candidate for candidate in self.findings if candidate.name == name)

    @property
    def names(self) -> list[str]:
        """The candidates' names, in the order of `findings`."""
        return [candidate.name for candidate in self.findings]

    @property
    def ranks(self) -> bool:
        """Whether there are rankings to compare: of two features any two agree, or are each other's reverse."""
        return len(self.findings) > 1 and len(self.features) >= _RANKED

    def spearman(self) -> pd.DataFrame:
        """Rank correlations of the features' mean |attribution| between candidates."""
        from scipy.stats import spearmanr  # takes a second, which a worker need not spend

        return self._matrix(lambda first, second: spearmanr(first, second).statistic)

    def kendall(self) -> pd.DataFrame:
        """Kendall's tau of the same."""
        from scipy.stats import kendalltau  # likewise

        return self._matrix(lambda first, second: kendalltau(first, second).statistic)

    def _matrix(self, correlation: object) -> pd.DataFrame:
        means = [np.array(candidate.abs_mean) for candidate in self.findings]
        table = [[_correlation(correlation, first, second) for second in means] for first in means]
        return pd.DataFrame(table, index=self.names, columns=self.names)

    def to_frame(self) -> pd.DataFrame:
        """One row a candidate: the figures, and what speaks against it."""
        return pd.DataFrame(
            {
                "output": [candidate.output for candidate in self.findings],
                "percentile": [candidate.percentile for candidate in self.findings],
                "small_share": [candidate.small_share for candidate in self.findings],
                "identical_rows": [candidate.identical_rows for candidate in self.findings],
                "converged": [candidate.converged for candidate in self.findings],
                "evaluations": [candidate.evaluations for candidate in self.findings],
                "problems": ["; ".join(self.problems(candidate.name).values()) for candidate in self.findings],
            },
            index=self.names,
        )

    def lines(self) -> list[str]:
        """What `ig-tasks check` prints."""
        lines = []
        for candidate in self.findings:
            problems = self.problems(candidate.name)
            at = [] if "sure" in problems else [f"output {candidate.where(self.space)}"]
            lines.append(f"{candidate.name}: {'; '.join([*at, *problems.values()])}")
        lines += [f"{name}: could not be tried: {why}" for name, why in self.aside.items()]
        if self.ranks:
            lines.append(_agreement(self.spearman()))
        name, why = self.recommendation
        return [*lines, f"take {name}: {why}"]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        candidates = ", ".join(self.names)
        return f"BaselineAssessment of {candidates} on {self.rows:,} rows: take {': '.join(self.recommendation)}"


def recommended(judged: BaselineAssessment) -> tuple[str, str]:
    """The candidate that least speaks against, then the one whose ranking agrees most, then the first; and why."""
    agreement = _mean_agreement(judged.spearman()) if judged.ranks else dict.fromkeys(judged.names, 1.0)
    costs = {
        candidate.name: sum(_WEIGHTS[kind] for kind in judged.problems(candidate.name)) for candidate in judged.findings
    }
    least = min(costs.values())
    # Agreement in twentieths: what is closer is alike, and the order of the candidates decides.
    best = max((name for name in judged.names if costs[name] == least), key=lambda name: round(20 * agreement[name]))
    candidate, problems = judged[best], judged.problems(best)
    reasons = [
        "nothing speaks against it" if not problems else f"least speaks against it ({'; '.join(problems.values())})"
    ]
    if not problems:
        reasons.append(f"its output is {candidate.where(judged.space)}")
    if judged.ranks:
        reasons.append(_agreed(agreement[best]))
    return best, ", ".join(reasons)


def _mean_agreement(matrix: pd.DataFrame) -> dict[str, float]:
    """Mean correlation of each candidate with the others; 1 where there are no others."""
    table: NDArray[np.float64] = matrix.to_numpy()
    others = table.shape[0] - 1
    mean = (table.sum(axis=1) - 1.0) / others if others else np.ones(1)
    return dict(zip(matrix.index.astype(str), mean.tolist(), strict=True))


def _agreed(correlation: float) -> str:
    """How a ranking lies to the others', by its mean rank correlation with them."""
    if correlation >= _ALIKE:
        return f"its ranking agrees with the others' at {correlation:.2f} (Spearman)"
    how = "hardly agrees with" if correlation > 0 else "disagrees with"
    return f"its ranking {how} the others' ({correlation:.2f}, Spearman): the choice of the baseline is the result"


def _agreement(matrix: pd.DataFrame) -> str:
    table = matrix.to_numpy().copy()
    upper = np.triu_indices(len(table), k=1)
    place = int(np.argmin(table[upper]))
    first, second = matrix.index[upper[0][place]], matrix.index[upper[1][place]]
    low, median = table[upper][place], float(np.median(table[upper]))
    return (
        f"rankings: rank correlations (Spearman) are {median:.2f} in the middle, least {low:.2f}: {first} and {second}"
    )


def _correlation(correlation: object, first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Correlation of two rankings; rankings that are all ties agree with one another and with nothing else."""
    if np.array_equal(first, second):
        return 1.0
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(correlation(first, second))  # type: ignore[operator]
