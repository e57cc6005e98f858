"""The section `baseline`: options go with their strategy, and what is not set leaves no trace in keys."""

from __future__ import annotations

from typing import Any

import pytest

from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec, load_spec

SMALLEST: dict[str, Any] = {"version": 1, "name": "x", "model": "/m", "data": "/d"}


def spec(baseline: Any) -> ExplanationSpec:
    return load_spec({**SMALLEST, "baseline": baseline})


@pytest.mark.parametrize(
    ("baseline", "options"),
    [
        ("auto", {}),
        ("samples", {"k": 20, "seed": 0}),
        ({"strategy": "kmeans", "seed": 3}, {"k": 8, "seed": 3}),
        ("noise", {"k": 1, "seed": 0}),
        ("blur", {}),
        ({"strategy": "blur", "sigma": 2}, {"sigma": 2.0}),
        ({"strategy": "quantile", "q": 0}, {"q": 0.0}),
        ({"strategy": "constant", "value": 1}, {"value": 1.0}),
        ({"strategy": "constant", "value": {"a": 1, "kind": "red"}}, {"value": {"a": 1.0, "kind": "red"}}),
        ({"strategy": "median", "segment": "carrier"}, {"segment": "carrier"}),
        ("reference_population", {"k": 50, "seed": 0}),
        (
            {"strategy": "reference_population", "cutoff": 0, "within": 0.5},
            {"k": 50, "cutoff": 0.0, "within": 0.5, "side": "above", "seed": 0},
        ),
    ],
)
def test_options_and_what_they_are_unless_given(baseline: Any, options: dict[str, Any]) -> None:
    found = spec(baseline)
    assert found.baseline.options == options
    assert ExplanationSpec.from_resolved(found.to_document()) == found


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("quantile", "baseline: strategy 'quantile' needs q"),
        ("constant", "baseline: strategy 'constant' needs value"),
        ({"strategy": "median", "q": 0.5}, "baseline: q is not an option of strategy 'median', but of: quantile"),
        ({"strategy": "blur", "k": 5}, "k is not an option of strategy 'blur', but of: samples, kmeans, noise"),
        ({"strategy": "quantile", "q": 2}, "baseline.q: input should be less than or equal to 1"),
        ({"strategy": "samples", "k": 0}, "baseline.k: input should be greater than 0"),
        ({"strategy": "samples", "segment": "c"}, "baseline: segment goes with auto, mean"),
        ({"strategy": "samples", "cutoff": 1}, "cutoff is not an option of strategy 'samples', but of: reference_pop"),
        ({"strategy": "reference_population", "cutoff": 1}, "baseline: cutoff and within go together: rows at"),
        ({"strategy": "reference_population", "within": 1}, "baseline: cutoff and within go together: rows at"),
        ({"strategy": "reference_population", "side": "below"}, "side says how the cutoff is meant; add cutoff and"),
        ({"strategy": "reference_population", "cutoff": 1, "within": 0}, "baseline.within: input should be greater"),
        ({"strategy": "median", "sgement": "c"}, "baseline.sgement: no such key; did you mean 'segment'"),
    ],
)
def test_what_does_not_go_together_is_one_line(baseline: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        spec(baseline)


def test_a_spec_as_it_was_has_the_document_it_had() -> None:
    assert spec("median").baseline.document == {"strategy": "median", "partition": None, "uri": None}


def test_another_strategy_for_one_run_leaves_the_options_behind() -> None:
    asked = spec({"strategy": "quantile", "q": 0.1, "partition": "2013-01"})
    assert asked.with_overrides(baseline="samples").baseline.document == {
        "strategy": "samples",
        "partition": "2013-01",
        "uri": None,
        "k": 20,
        "seed": 0,
    }
    assert asked.with_overrides(baseline="quantile") == asked
    with pytest.raises(SpecError, match="needs value"):
        asked.with_overrides(baseline="constant")
