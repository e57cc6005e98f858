"""Categories that the model does not know: how many a feature holds, how many it may, and what was probably meant.

A model takes such rows all the same, at its unknown id. A column in another case, with a blank at its end or with 1.0
for 1 is explained without a word, and says nothing any more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ig_tasks.data.inputs import InputSpec, feature_names
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.statistics import UnknownCounts
from ig_tasks.store.report import Check, UnknownCategory, UnknownInfo

__all__ = ["UNKNOWN_CHECK", "Unknown", "judge_unknown", "unknown_checks"]

UNKNOWN_CHECK = "unknown"

_SLACK = 0.02
"""Share of a column that may be unknown on top of what the baseline's data had, besides what chance explains."""
_CHANCE = 3.0
"""Standard errors of the difference of two shares that chance may explain."""
_ALONE, _ALONE_WORDS = 0.05, 0.25
"""Share that may be unknown where no other data say what is usual; texts are full of rare words."""
_MOST = 0.5
"""Share that is never usual."""
_ALIKE = 0.01
"""Share that may be spelled like a known category but for case, blanks or a number's form."""
_SHOWN = 3
"""Spellings that a line shows."""
_LENGTH = 40


@dataclass(frozen=True)
class Unknown:
    """One feature that holds something unknown: what there is, and what there may be.

    usual: share of the baseline's data; None where that is not known, or is of the run's own rows.
    """

    feature: str
    words: bool
    counts: UnknownCounts
    usual: float | None
    at_most: float
    alike_counts: bool
    categories: tuple[UnknownCategory, ...]

    @property
    def success(self) -> bool:
        """Whether few enough categories are unknown, and few enough of them are misspelled known ones."""
        alike = self.alike_counts and self.counts.alike_share > _ALIKE
        return self.counts.share <= self.at_most and not alike

    def describe(self, rows: str = "rows") -> str:
        """In a sentence: what is unknown, how much of it, and what was probably meant."""
        counts = self.counts
        noun = "words" if self.words else "categories" if counts.cells != counts.rows else rows
        verb = "are" if self.words or counts.cells != counts.rows else "are of a category that is"
        sentence = f"{self.feature!r}: {_percent(counts.share)} of {counts.cells:,} {noun} {verb} unknown to the model"
        sentence += f", {_percent(counts.missing / counts.cells)} missing" if counts.missing else ""
        usual = "" if self.usual is None else f"; of the baseline's data {_percent(self.usual)}"
        sentence += f" (at most {_percent(self.at_most)}{usual})"
        shown = [_category_words(category) for category in self.categories[:_SHOWN]]
        more = ", ..." if len(self.categories) > _SHOWN else ""
        return f"{sentence}: {', '.join(shown)}{more}" if shown else sentence

    def info(self) -> UnknownInfo:
        """As report.json tells it."""
        return UnknownInfo(
            feature=self.feature,
            cells=self.counts.cells,
            unknown=self.counts.unknown,
            missing=self.counts.missing,
            share=self.counts.share,
            baseline_share=self.usual,
            at_most=self.at_most,
            categories=self.categories,
        )


def judge_unknown(
    spec: ExplanationSpec,
    facts: PlanFacts,
    counts_of: Mapping[str, UnknownCounts],
    fitted: Mapping[str, UnknownCounts],
) -> list[Unknown]:
    """Every feature that holds something unknown, those beyond their threshold first.

    Args:
        spec: its validation section may hold a threshold.
        facts: what the run was planned of.
        counts_of: of the run's rows, by feature.
        fitted: of the rows that the baseline was fitted on.
    """
    at_most = spec.validation.unknown.at_most
    usual = {} if facts.fitted_on_own_rows else fitted
    inputs = facts.config.inputs
    named = {names[0]: inputs[name] for name, names in feature_names(inputs).items() if names}
    judged = [
        _judge_feature(feature, counts, usual.get(feature), named[feature], at_most)
        for feature, counts in counts_of.items()
        if counts.unknown + counts.missing
    ]
    return sorted(judged, key=lambda unknown: (unknown.success, -unknown.counts.share, unknown.feature))


def unknown_checks(
    spec: ExplanationSpec,
    facts: PlanFacts,
    counts_of: Mapping[str, UnknownCounts],
    fitted: Mapping[str, UnknownCounts],
) -> list[Check]:
    """The check `unknown` of what `judge_unknown` takes; none for a model that refuses what it does not know."""
    takes = any(spec_of_input.takes_unknown for spec_of_input in facts.config.inputs.values())
    return [_check(spec, judge_unknown(spec, facts, counts_of, fitted))] if takes else []


def _check(spec: ExplanationSpec, judged: Sequence[Unknown]) -> Check:
    section = spec.validation.unknown
    failed = [unknown for unknown in judged if not unknown.success]
    worst = max((unknown.counts.share for unknown in judged), default=0.0)
    own = "at most what the baseline's data had, with some slack"
    if not judged:
        description = "Every category is known to the model."
    else:
        descriptions = [unknown.describe() for unknown in (failed or judged)[:_SHOWN]]
        more = len(failed) - len(descriptions)
        description = f"Share of a feature's categories that the model does not know. {'; '.join(descriptions)}" + (
            f"; and {more} features more." if more > 0 else "."
        )
    return Check(
        name=UNKNOWN_CHECK,
        severity=section.severity,
        success=not failed,
        observed=worst,
        expected=own if section.at_most is None else f"at most {section.at_most}",
        description=description,
        remedy="Spell the column's categories as the model's vocabulary does, or train the model on those there are.",
    )


def _judge_feature(
    feature: str, counts: UnknownCounts, fitted: UnknownCounts | None, spec: InputSpec, at_most: float | None
) -> Unknown:
    words = spec.kind == "tokens"
    known = fitted if fitted is not None and fitted.cells else None
    usual = None if known is None else known.share
    limit = at_most
    if limit is None:
        limit = _usual_limit(counts, known) if known else (_ALONE_WORDS if words else _ALONE)
    nearest = spec.spellings.with_nearest(list(counts.spellings))
    categories = tuple(
        UnknownCategory(category=text, count=counts.spellings[text], known=near) for text, near in nearest
    )
    return Unknown(feature, words, counts, usual, limit, at_most is None and not words, categories)


def _usual_limit(counts: UnknownCounts, fitted: UnknownCounts) -> float:
    """What the baseline's data had, what two samples differ in by chance, and some slack; never more than half."""
    cells = counts.cells + fitted.cells
    pooled = (counts.share * counts.cells + fitted.share * fitted.cells) / cells
    error = math.sqrt(pooled * (1 - pooled) * (1 / counts.cells + 1 / fitted.cells))
    return min(_MOST, fitted.share + _SLACK + _CHANCE * error)


def _category_words(category: UnknownCategory) -> str:
    text = category.category
    text = text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
    known = "" if category.known is None else f" (the model knows {category.known!r})"
    return f"{text!r}{known}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share == 0 or share >= 1e-4 else "less than 0.01 %"
