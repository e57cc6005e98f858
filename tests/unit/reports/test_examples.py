"""Rows to show whole are spread over the model's output, from the lowest to the highest."""

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.examples import choose_examples
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder


class Summary:
    def __init__(self, outputs):
        self.rows_explained = len(outputs)
        self.outputs = {"late": FeatureStatistics.of(outputs[:, None], ["output"])}


@pytest.fixture
def run(tmp_path):
    folder = Folder(str(tmp_path))
    outputs = np.random.default_rng(5).permutation(101).astype(float)
    for shard, part in enumerate(np.array_split(outputs, 3)):
        folder.write_table(f"s{shard}.parquet", pa.table({
            "row_id": [f"r{value:.0f}" for value in part], "output": part, "baseline_output": part * 0.0,
            "convergence_delta": part * 0.0, "status": ["converged"] * len(part),
            "attribution:a": part * 0.25, "attribution:b": part * -0.75,
            "input:a": part, "input:b": ["x"] * len(part),
        }))  # fmt: skip
    return folder, ["s0.parquet", "s1.parquet", "s2.parquet"], Summary(outputs)


def test_examples_are_the_rows_nearest_to_even_quantiles_of_the_output(run):
    examples = choose_examples(*run, 5)
    assert [(item.row_id, item.chosen) for item in examples] == [
        ("r0", "lowest output"),
        ("r25", "output at its 25 % quantile"),
        ("r50", "median output"),
        ("r75", "output at its 75 % quantile"),
        ("r100", "highest output"),
    ]


def test_an_example_holds_inputs_and_attributions_the_greatest_first(run):
    last = choose_examples(*run, 2)[-1]
    assert [(c.feature, c.value, c.attribution) for c in last.contributions] == [("b", "x", -75.0), ("a", 100.0, 25.0)]


def test_none_are_chosen_when_none_are_wanted(run):
    assert choose_examples(*run, 0) == []


def test_no_row_is_shown_twice(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write_table("s.parquet", pa.table({
        "row_id": ["only"], "output": [1.0], "baseline_output": [0.0], "convergence_delta": [0.0],
        "status": ["converged"], "attribution:a": [1.0],
    }))  # fmt: skip
    examples = choose_examples(folder, ["s.parquet"], Summary(np.array([1.0])), 5)
    assert [item.row_id for item in examples] == ["only"]
    assert examples[0].contributions[0].value is None
