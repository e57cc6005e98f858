"""What a report says of the baseline: a strategy in the words of the inputs that there are, and the output there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ig_tasks.reports.numerals import chance, count, counted, number
from ig_tasks.store.report import BaselineInfo, Example, Report

__all__ = ["baseline_output_words", "baseline_words", "kinds_of"]

_WHOLE = {
    "table": "a row given in a table",
    "samples": "rows drawn from the data",
    "reference_population": "members of a population",
    "kmeans": "centres of clusters of the data, each counted by its share of the rows",
}
"""Strategies that are the same for inputs of every kind."""

_EMBEDDINGS = "frequency-weighted mean embeddings of categories"
_PADDING = "padding in the place of every word, under the row's own mask where the model takes one"

# {kind of feature: (what most strategies put in its place, {strategy: what this one does})}, as `fit_baseline` does.
_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "numeric": (
        "medians of numbers",
        {
            "mean": "means of numbers",
            "zero": "zero for every number",
            "quantile": "a quantile of numbers",
            "noise": "numbers drawn for each row uniformly from the range of the data",
            "max_distance": "of each number whichever end of the data's range is farther from the row's",
        },
    ),
    "categorical": (
        _EMBEDDINGS,
        {
            "mode": "the most frequent categories",
            "zero": "the zero vector for every category",
            "unknown": "the id of unknown categories",
        },
    ),
    "one_hot": (
        "the shares of the categories of a group",
        {
            "mode": "the most frequent category of a group",
            "zero": "no category of a group",
            "unknown": "no category of a group",
        },
    ),
    "bag": (
        "the frequency-weighted mean of the categories of bags",
        {
            "mode": "the most frequent categories of bags",
            "zero": "zero for every category of bags",
            "unknown": "bags without a known category",
        },
    ),
    "tokens": (
        _PADDING,
        {
            "mean": "frequency-weighted mean embeddings of words",
            "mean_embedding": "frequency-weighted mean embeddings of words",
            "mode": "the most frequent word in every place",
            "zero": "the zero vector for every word",
            "unknown": "the id of unknown words, or padding where a model has no such id",
        },
    ),
    "array": ("the median of each element, or of ids their mean embedding", {}),
    "image": ("the median of each pixel", {"blur": "each row's own images, blurred"}),
    "series": ("the median of each element of a series", {"blur": "each row's own series, blurred"}),
}
_ELEMENTS = {"array": "element", "image": "pixel", "series": "element of a series"}
_OF_ELEMENTS = {
    "mean": "the mean of each {}",
    "zero": "zero for every {}",
    "quantile": "a quantile of each {}",
    "noise": "each {} drawn for each row uniformly from its range",
    "max_distance": "of each {} whichever end of its range is farther from the row's",
}
_BEGINS = {"constant": "values of one's own, else "}
_FITTED = {
    "auto", "median", "mean", "mode", "zero", "constant", "quantile", "unknown", "mean_embedding", "blur", "noise",
    "max_distance",
}  # fmt: skip
_BY_ROW, _KINDS_BY_ROW = {"blur", "noise", "max_distance"}, {"tokens", "bag", "array"}
"""Strategies, and kinds of features, with which each row may have a baseline of its own."""


def kinds_of(report: Report) -> tuple[str, ...]:
    """The kinds of the features, each once, in their order."""
    return tuple(dict.fromkeys(feature.kind for feature in report.features if feature.kind))


def baseline_words(baseline: BaselineInfo, kinds: Iterable[str] = ()) -> str:
    """The strategy, explained for features of these kinds; of none that is known, for numbers and categories."""
    explained = _strategy_words(baseline.strategy, [kind for kind in _KINDS if kind in set(kinds)])
    explained = baseline.definition or explained
    words = f"{baseline.strategy}: {explained}" if explained else baseline.strategy
    fitted = [f"of {baseline.partition}"] if baseline.partition else []
    if baseline.rows is not None:
        fitted.insert(0, f"on {counted(baseline.rows, 'row')}")
    if baseline.baselines > 1:
        words += f"; attributions are averaged over {baseline.baselines} of them"
    if baseline.segment:
        words += f"; for each level of {baseline.segment} its own"
    if baseline.unseen_rows:
        words += f", {counted(baseline.unseen_rows, 'row')} of other levels have the overall one"
    return f"{words}; fitted {' '.join(fitted)}" if fitted else words


def _strategy_words(strategy: str, kinds: list[str]) -> str:
    if strategy not in _FITTED:
        return _WHOLE.get(strategy, "")
    known = kinds or ["numeric", "categorical"]
    # A text without its words is no typical one.
    begins = "the typical row: " if strategy == "auto" and known != ["tokens"] else _BEGINS.get(strategy, "")
    return begins + ", ".join(_kind_words(strategy, kind) for kind in known)


def _kind_words(strategy: str, kind: str) -> str:
    usual, others = _KINDS[kind]
    if kind in _ELEMENTS and strategy in _OF_ELEMENTS:
        return _OF_ELEMENTS[strategy].format(_ELEMENTS[kind])
    return others.get(strategy, usual)


def baseline_output_words(report: Report, shown: Sequence[Example] = ()) -> str:
    """The output at the baseline; where each row has its own, that it has, and what it is at the rows `shown`."""
    baseline = report.baseline
    if baseline.outputs:
        return "; ".join(f"{name} {number(output)}" for name, output in baseline.outputs.items())
    by_row = baseline.segment or baseline.strategy in _BY_ROW or _KINDS_BY_ROW & set(kinds_of(report))
    if baseline.output is not None or not by_row or not report.data.rows_explained:
        return number(baseline.output) + chance(baseline.output_probability)
    outputs = sorted(example.baseline_output for example in shown if example.baseline_output is not None)
    if not outputs:
        return "differs by row: each has a baseline of its own; see baseline_output in the run's attributions"
    low, high = number(outputs[0]), number(outputs[-1])
    rows = "the row" if len(outputs) == 1 else f"the {count(len(outputs))} rows"
    if low == high:
        return f"by row, as each has a baseline of its own: {low} for {rows} explained below"
    return f"differs by row, as each has a baseline of its own: {low} to {high} for {rows} explained below"
