"""A baseline is a number for each numeric feature and weights over ids for each categorical one."""

import numpy as np
import pandas as pd
import pytest

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.fitting import BaselineCounts, fit_baseline
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.data.inputs import InputSpec
from ig_tasks.errors import BaselineError

INPUTS = {
    "numeric": InputSpec(columns=("a", "b")),
    "kind": InputSpec(columns=("kind",), vocabulary=("red", "green"), offset=1, unknown=0, layer="embed"),
}
ARRAYS = {
    "numeric": np.array([[1.0, 10.0], [2.0, 20.0], [9.0, 30.0], [4.0, 0.0], [3.0, 1.0]]),
    "kind": np.array([1, 1, 2, 1, 0]),
}
VECTORS = np.array([[0.0, 0.0], [1.0, 3.0], [5.0, -1.0]])


def embed(layer, ids):
    assert layer == "embed"
    return VECTORS[ids]


def point_of(baseline, inputs=INPUTS):
    """The baseline that all rows share: {input: one row's array}."""
    return PlacedBaseline.of(baseline, inputs, embed).points[0]


@pytest.fixture
def counts():
    return BaselineCounts.of(INPUTS, ARRAYS)


@pytest.mark.parametrize(
    ("strategy", "numbers", "vector"),
    [
        ("auto", [3.0, 10.0], [1.6, 1.6]),
        ("median", [3.0, 10.0], [1.6, 1.6]),
        ("mean", [3.8, 12.2], [1.6, 1.6]),
        ("mode", [3.0, 10.0], [1.0, 3.0]),
        ("zero", [0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_each_strategy_gives_its_point_in_the_models_own_coordinates(counts, strategy, numbers, vector):
    arrays = point_of(fit_baseline(strategy, counts))
    np.testing.assert_allclose(arrays["numeric"], numbers, atol=1e-12)
    np.testing.assert_allclose(arrays["kind"], vector, atol=1e-12)


def test_no_category_of_auto_is_the_baseline_itself(counts):
    point = point_of(fit_baseline("auto", counts))["kind"]
    assert (np.abs(VECTORS - point).sum(axis=1) > 0.5).all()


def test_counts_of_parts_merge_to_those_of_the_whole(counts):
    first = BaselineCounts.of(INPUTS, {name: array[:2] for name, array in ARRAYS.items()})
    second = BaselineCounts.of(INPUTS, {name: array[2:] for name, array in ARRAYS.items()})
    merged = BaselineCounts.from_json(first.merge(second).to_json())
    assert merged.ids == counts.ids
    np.testing.assert_allclose(merged.numbers.mean, counts.numbers.mean, atol=1e-12)
    assert fit_baseline("auto", merged).digest == fit_baseline("auto", counts).digest


def test_a_median_of_many_rows_is_within_a_twentieth_percent_of_rank():
    values = np.random.default_rng(0).gamma(0.3, 100.0, size=(200_000, 1))
    inputs = {"numeric": InputSpec(columns=("a",))}
    median = fit_baseline("auto", BaselineCounts.of(inputs, {"numeric": values})).numbers["a"]
    assert abs((values < median).mean() - 0.5) < 5e-4


@pytest.mark.parametrize("rows", [1, 2, 4, 5, 1000, 1001])
def test_a_median_of_few_distinct_values_is_exact_in_any_parts(rows):
    values = np.random.default_rng(rows).integers(-20, 60, size=(rows, 1)).astype(float)
    inputs = {"numeric": InputSpec(columns=("a",))}
    parts = [BaselineCounts.of(inputs, {"numeric": part}) for part in np.array_split(values, 3) if len(part)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(BaselineCounts.from_json(part.to_json()))
    assert fit_baseline("median", merged).numbers["a"] == np.median(values)


def test_a_table_keeps_every_digit_and_the_digest(counts):
    fitted = fit_baseline("mean", counts)
    again = Baseline.from_table(fitted.to_table(INPUTS), strategy="mean", rows=5, inputs=INPUTS)
    assert again == fitted
    assert again.digest == fitted.digest
    zero = fit_baseline("zero", counts)
    assert Baseline.from_table(zero.to_table(INPUTS), strategy="zero", rows=5, inputs=INPUTS) == zero
    assert zero.digest != fitted.digest


def test_the_table_names_categories(counts):
    rows = fit_baseline("auto", counts).to_table(INPUTS).to_pylist()
    named = {row["category"]: row["value"] for row in rows if row["feature"] == "kind"}
    assert named == {"(unknown)": 0.2, "red": 0.6, "green": 0.2}


def test_what_a_report_says_of_it(counts):
    assert fit_baseline("mode", counts).describe(INPUTS)["kind"] == "red"
    assert fit_baseline("zero", counts).describe(INPUTS)["kind"] == "zero vector"
    assert fit_baseline("auto", counts).describe(INPUTS)["kind"] == (
        "mean embedding of 3 categories, weighted by frequency"
    )


def test_two_inputs_of_one_column_have_a_baseline_each(tmp_path):
    inputs = {
        "one": InputSpec(columns=("kind",), vocabulary=("red", "green"), layer="embed"),
        "two": InputSpec(columns=("kind",), vocabulary=("green", "red"), offset=1, unknown=0, layer="embed"),
    }
    counts = BaselineCounts.of(inputs, {"one": np.array([0, 0, 1]), "two": np.array([2, 2, 1])})
    fitted = fit_baseline("mode", counts)
    again = Baseline.from_table(fitted.to_table(inputs), strategy="mode", rows=3, inputs=inputs)
    pd.DataFrame({"kind": ["red"]}).to_parquet(tmp_path / "baseline.parquet")
    for baseline in (fitted, again, baseline_of_table(str(tmp_path / "baseline.parquet"), inputs)):
        arrays = point_of(baseline, inputs)
        np.testing.assert_allclose(arrays["one"], VECTORS[0])
        np.testing.assert_allclose(arrays["two"], VECTORS[2])
        assert baseline.describe(inputs) == {"kind (one)": "red", "kind (two)": "red"}


def test_no_usable_row_is_an_error():
    nothing = {"numeric": np.empty((0, 2)), "kind": np.empty(0, dtype=int)}
    with pytest.raises(BaselineError, match="no row of its data can be used"):
        fit_baseline("auto", BaselineCounts.of(INPUTS, nothing))


def test_ids_without_a_layer_have_no_baseline(counts):
    bare = {**INPUTS, "kind": INPUTS["kind"].model_copy(update={"layer": None})}
    with pytest.raises(BaselineError, match="input 'kind' holds ids and names no layer"):
        point_of(fit_baseline("auto", counts), bare)


def test_a_table_of_ones_own_is_one_row_of_columns(tmp_path):
    path = tmp_path / "baseline.parquet"
    pd.DataFrame({"a": [1.5], "b": [2.0], "kind": ["green"]}).to_parquet(path)
    arrays = point_of(baseline_of_table(str(path), INPUTS))
    np.testing.assert_allclose(arrays["numeric"], [1.5, 2.0])
    np.testing.assert_allclose(arrays["kind"], VECTORS[2])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            {"a": [1.0, 2.0], "b": [1.0, 2.0], "kind": ["red", "red"]},
            "has 2 rows; a baseline of strategy 'table' is one",
        ),
        ({"a": [1.0], "kid": ["red"]}, r"has 2 columns for 3 features; 'b' is missing"),
        ({"a": ["x"], "b": [1.0], "kind": ["red"]}, r"^baseline\.uri .*parquet: column 'a' holds str values"),
        ({"a": [1.0], "b": [None], "kind": ["red"]}, "missing value in b; give every feature a usable value"),
    ],
)
def test_a_table_of_the_wrong_shape_is_one_line(tmp_path, frame, message):
    path = tmp_path / "baseline.parquet"
    pd.DataFrame(frame).astype({"b": float} if "b" in frame else {}).to_parquet(path)
    with pytest.raises(BaselineError, match=message):
        baseline_of_table(str(path), INPUTS)
