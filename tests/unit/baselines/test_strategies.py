"""What each strategy makes of data, in numbers computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ig_tasks.baselines.counts import BaselineCounts
from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import fit_baseline
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.baselines.population import members
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import BaselineError
from ig_tasks.spec import BaselineSpec

NUMBERS = np.array([[1.0, 10.0], [2.0, 20.0], [9.0, 30.0], [4.0, 0.0], [3.0, 1.0]])
KINDS = np.array([1, 1, 2, 1, 0])
INPUTS = {
    "numeric": InputSpec(columns=("a", "b")),
    "kind": InputSpec(columns=("kind",), vocabulary=("red", "green"), offset=1, unknown=0, layer="embed"),
}
ARRAYS = {"numeric": NUMBERS, "kind": KINDS}
VECTORS = np.array([[0.0, 0.0], [1.0, 3.0], [5.0, -1.0]])
MEAN = [1.6, 1.6]  # 0.2 * [0, 0] + 0.6 * [1, 3] + 0.2 * [5, -1]


def embed(_layer: str, ids: np.ndarray) -> np.ndarray:
    return VECTORS[ids]


def fit(strategy: str, inputs: Any = INPUTS, arrays: Any = ARRAYS, levels: Any = None, **options: Any) -> Baseline:
    asked = BaselineSpec(strategy=strategy, **options)
    return fit_baseline(asked, BaselineCounts.of(inputs, arrays, asked, levels=levels), inputs)


def starts(baseline: Baseline, rows: Any = ARRAYS, segments: Any = None, inputs: Any = INPUTS) -> list[dict[str, Any]]:
    return PlacedBaseline.of(baseline, inputs, embed).starts(rows, segments)


@pytest.mark.parametrize(
    ("strategy", "options", "numbers", "vector"),
    [
        ("quantile", {"q": 0.25}, [2.0, 1.0], MEAN),
        ("quantile", {"q": 0.1}, [1.4, 0.4], MEAN),
        ("quantile", {"q": 1.0}, [9.0, 30.0], MEAN),
        ("mean_embedding", {}, [3.0, 10.0], MEAN),
        ("unknown", {}, [3.0, 10.0], [0.0, 0.0]),
        ("constant", {"value": 7.0}, [7.0, 7.0], MEAN),
        ("constant", {"value": {"b": -1.0, "kind": "green"}}, [3.0, -1.0], [5.0, -1.0]),
        ("constant", {"value": {"kind": "purple"}}, [3.0, 10.0], [0.0, 0.0]),
    ],
)
def test_one_point_for_all_rows(strategy: str, options: dict[str, Any], numbers: Any, vector: Any) -> None:
    (point,) = starts(fit(strategy, **options))
    np.testing.assert_allclose(point["numeric"], numbers, atol=1e-12)
    np.testing.assert_allclose(point["kind"], vector, atol=1e-12)


def test_samples_are_rows_of_the_data() -> None:
    fitted = fit("samples", k=3)
    rows = {(*NUMBERS[row], *VECTORS[KINDS[row]]) for row in range(5)}
    found = [(*point["numeric"], *np.asarray(point["kind"])) for point in starts(fitted)]
    assert len(found) == len(set(found)) == 3
    assert set(found) <= rows
    assert fit("samples", k=3).digest == fitted.digest != fit("samples", k=3, seed=1).digest


def test_more_samples_than_rows_are_all_rows() -> None:
    assert len(starts(fit("samples", k=100))) == 5


def test_an_empty_population_is_one_line() -> None:
    asked = BaselineSpec(strategy="reference_population", cutoff=9.0, within=0.5)
    nobody = {name: array[:0] for name, array in ARRAYS.items()}
    with pytest.raises(BaselineError, match=r"baseline\.within: the population is empty.* from 9 to 9\.5: .* widen"):
        fit_baseline(asked, BaselineCounts.of(INPUTS, nobody, asked), INPUTS)


@pytest.mark.parametrize(
    ("side", "belong"),
    [("above", [False, False, True, True, True, False]), ("below", [False, True, True] + [False] * 3)],
)
def test_members_lie_at_the_cutoff_or_slightly_beyond_it(side: str, belong: list[bool]) -> None:
    asked = BaselineSpec(strategy="reference_population", cutoff=1.0, within=0.5, side=side)
    output = np.array([0.25, 0.5, 1.0, 1.25, 1.5, 1.75])
    assert members(asked, output).tolist() == belong


def test_k_means_centres_are_means_of_clusters_by_size() -> None:
    numbers = np.array([[0.0], [1.0], [2.0], [100.0], [102.0]])
    inputs = {"numeric": INPUTS["numeric"].model_copy(update={"columns": ("a",)}), "kind": INPUTS["kind"]}
    arrays = {"numeric": numbers, "kind": np.array([1, 1, 1, 2, 2])}
    fitted = fit("kmeans", inputs, arrays, k=2)
    first, second = starts(fitted, arrays, inputs=inputs)
    assert (first["numeric"], second["numeric"]) == ([1.0], [101.0])
    np.testing.assert_allclose(second["kind"], [5.0, -1.0])
    assert PlacedBaseline.of(fitted, inputs, embed).shares == [0.6, 0.4]


def test_the_farther_end_of_the_range() -> None:
    (point,) = starts(fit("max_distance"))
    # a: 1 to 9, b: 0 to 30. Row 0 is (1, 10), row 2 (9, 30).
    np.testing.assert_array_equal(point["numeric"], [[9, 30], [9, 0], [1, 0], [9, 30], [9, 30]])
    np.testing.assert_allclose(point["kind"], MEAN)


def test_noise_lies_in_the_range_of_the_data_and_fills_it() -> None:
    numbers = np.column_stack([np.linspace(-1, 1, 4000), np.linspace(5, 9, 4000)])
    arrays = {"numeric": numbers, "kind": np.ones(4000, int)}
    first, second = starts(fit("noise", arrays=arrays, k=2), arrays)
    for point in (first, second):
        low, high = point["numeric"].min(axis=0), point["numeric"].max(axis=0)
        np.testing.assert_allclose(low, [-1, 5], atol=0.01)
        np.testing.assert_allclose(high, [1, 9], atol=0.01)
        np.testing.assert_allclose(point["numeric"].mean(axis=0), [0, 7], atol=0.05)
    together = np.corrcoef(np.column_stack([first["numeric"], second["numeric"], numbers[:, 0]]).T)
    assert np.abs(together - np.eye(5)).max() < 0.06


@pytest.mark.parametrize("strategy", ["noise", "max_distance"])
def test_a_row_has_the_same_baseline_in_any_batch(strategy: str) -> None:
    fitted = fit(strategy)
    (whole,) = starts(fitted)
    order = np.array([3, 0, 4])
    (some,) = starts(fitted, {name: array[order] for name, array in ARRAYS.items()})
    np.testing.assert_array_equal(some["numeric"], whole["numeric"][order])


def test_noise_of_another_seed_is_other_noise() -> None:
    (one,), (other,) = starts(fit("noise")), starts(fit("noise", seed=1))
    assert (one["numeric"] != other["numeric"]).all()


def test_by_segment_each_level_has_its_own() -> None:
    levels = np.array(["x", "y", "x", "y", "y"], dtype=object)
    fitted = fit("median", levels=levels, segment="place")
    asked = np.array(["y", "z", "x"], dtype=object)
    rows = {"numeric": NUMBERS[:3], "kind": KINDS[:3]}
    (point,) = starts(fitted, rows, {"place": asked})
    # y: rows 1, 3, 4; z was not there: the overall one; x: rows 0 and 2.
    np.testing.assert_allclose(point["numeric"], [[3, 1], [3, 10], [5, 20]])
    np.testing.assert_allclose(point["kind"], [[2 / 3, 2], MEAN, [3, 1]])
    assert PlacedBaseline.of(fitted, INPUTS, embed).unseen(asked) == 1


def test_by_segment_needs_the_segment() -> None:
    fitted = fit("median", levels=np.array(["x"] * 5, dtype=object), segment="place")
    with pytest.raises(BaselineError, match="it differs by segment 'place'; give that column beside the inputs"):
        starts(fitted)


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("samples", {"k": 3}),
        ("reference_population", {"k": 3}),
        ("kmeans", {"k": 2}),
        ("noise", {"k": 2, "seed": 5}),
        ("max_distance", {}),
        ("median", {"segment": "place"}),
        ("unknown", {}),
    ],
)
def test_the_table_and_its_facts_bring_back_every_baseline(strategy: str, options: dict[str, Any]) -> None:
    levels = np.array(["x", "y", "x", "y", "y"], dtype=object)
    fitted = fit(strategy, levels=levels if "segment" in options else None, **options)
    again = Baseline.of_facts(fitted.to_table(INPUTS), fitted.facts, INPUTS)
    assert again == fitted
    for one, other in zip(
        starts(fitted, segments={"place": levels}), starts(again, segments={"place": levels}), strict=True
    ):
        for name in INPUTS:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_report_says_what_stands_for_each_feature() -> None:
    assert fit("max_distance").describe(INPUTS)["a"] == "1 or 9, whichever is farther"
    assert fit("noise").describe(INPUTS)["b"] == "uniform from 0 to 30"
    assert fit("samples", k=5).describe(INPUTS) == {
        "a": "1 to 9 in 5 baselines",
        "b": "0 to 30 in 5 baselines",
        "kind": "3 categories in 5 baselines",
    }
    levels = np.array(["x", "y", "x", "y", "y"], dtype=object)
    assert fit("median", levels=levels, segment="place").describe(INPUTS)["a"] == "3 to 5 by level, 3 for others"
    assert fit("unknown").describe(INPUTS)["kind"] == "(unknown)"


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        ("constant", {"value": {"c": 1.0}}, "baseline.value: 'c' is not a feature; features: a, b, kind"),
        ("constant", {"value": {"a": "red"}}, "'a' is a number, and 'red' is not"),
        ("blur", {}, "strategy 'blur' needs an input of kind 'image' or 'series'"),
    ],
)
def test_what_does_not_fit(strategy: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BaselineError, match=message):
        fit(strategy, **options)


def test_a_category_that_is_none_and_no_unknown_id() -> None:
    closed = {**INPUTS, "kind": InputSpec(columns=("kind",), vocabulary=("red", "green"), layer="embed")}
    arrays = {**ARRAYS, "kind": np.array([0, 0, 1, 0, 1])}
    with pytest.raises(BaselineError, match="'gren' is not a category of 'kind'; did you mean 'green'"):
        fit("constant", closed, arrays, value={"kind": "gren"})
    with pytest.raises(BaselineError, match="input 'kind' has neither an unknown nor a padding id"):
        fit("unknown", closed, arrays)


def test_what_was_fitted_before_keeps_its_digest() -> None:
    """Digests of the version that had five strategies: a changed digest would recompute every run."""
    assert {name: fit(name).digest[7:19] for name in ("auto", "mean", "mode", "zero")} == {
        "auto": "7dfd46c85ccc",
        "mean": "42136621faf5",
        "mode": "b6050da07d85",
        "zero": "580815d735f7",
    }
    assert fit("auto").to_table(INPUTS).column_names == ["feature", "id", "category", "value"]
    assert fit("auto").facts == {"strategy": "auto", "rows": 5}


def test_a_segment_of_ids_is_refused_where_it_is_counted() -> None:
    arrays = {"numeric": np.zeros((1001, 2)), "kind": np.ones(1001, int)}
    ids = np.array([str(row) for row in range(1001)], dtype=object)
    with pytest.raises(BaselineError, match="'row' has 1,001 levels, at most 1,000 can have a baseline each"):
        fit("median", arrays=arrays, levels=ids, segment="row")
