"""What speaks against a run's baseline, counted over all its rows."""

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.objections import baseline_objections
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder


def objections(
    tmp_path, outputs, starts, *, attributions=None, strategy="auto", values=None, numbers=None, space="raw"
):
    """The objections to a run of two shards."""
    outputs, starts = np.asarray(outputs, float), np.broadcast_to(np.asarray(starts, float), np.shape(outputs))
    parts = outputs - starts if attributions is None else np.asarray(attributions, float)
    folder, files, half = Folder(str(tmp_path)), [], len(outputs) // 2
    for number, rows in enumerate((slice(0, half), slice(half, None))):
        held = {"output": outputs[rows], "baseline_output": starts[rows], "attribution:a": parts[rows]}
        files.append(f"attributions/shard-{number:06d}.parquet")
        folder.write_table(files[-1], pa.table(held))
    shared = {"late": float(starts[0])} if np.ptp(starts) == 0 else {}
    held = np.asarray(outputs if numbers is None else numbers, float)[:, None]
    summary = ShardSummary(
        shard="all", rows_read=len(outputs), rows_explained=len(outputs), rows_unconverged=0, reasons={}, evaluations=0,
        baseline_output=shared, attributions={}, outputs={"late": FeatureStatistics.of(outputs[:, None], ["late"])},
        relative_delta=FeatureStatistics.empty(["relative_delta"]), numbers=FeatureStatistics.of(held, ["a"]),
        categories={}, details={}, files={}, seconds=0.0,
    )  # fmt: skip
    found = baseline_objections(folder, files, summary, values or {}, space=space, strategy=strategy)
    return {one.kind: one.words for one in found}


def test_nothing_speaks_against_a_baseline_in_the_middle_that_rows_lie_away_from(tmp_path):
    assert objections(tmp_path, [-2.0] * 20 + [3.0] * 20, 0.1) == {}


def test_rows_whose_output_hardly_differs_from_the_baselines_are_counted_over_all_shards(tmp_path):
    # A twentieth of the standard deviation of 14 ones at distance 1 and 26 zeros is 0.024.
    outputs = [-1.0] * 7 + [1.0] * 7 + [0.02, -0.02] * 13
    assert objections(tmp_path, outputs, 0.0) == {
        "small": "the output of 65 % of the rows hardly differs from that at the baseline"
    }


def test_a_baseline_beside_all_rows_is_far_from_neutral(tmp_path):
    found = objections(tmp_path, np.linspace(1, 2, 40), -3.0, space="logit")
    assert list(found) == ["sure"]
    assert found["sure"] == (
        "its output is far from neutral, -3, a probability of 0.0474, percentile 0 of the rows' outputs"
    )


def test_rows_with_nothing_but_zeros_are_counted(tmp_path):
    outputs = np.r_[np.zeros(3), np.linspace(-2, 2, 38)]
    parts = np.r_[0.0, 0.0, 1.0, np.ones(38)]
    assert objections(tmp_path, outputs, 0.0, attributions=parts)["common"] == (
        "2 rows are identical to it and get all-zero attributions"
    )


def test_a_baseline_of_each_row_is_held_against_the_outputs_by_its_mean(tmp_path):
    outputs = np.linspace(-1, 1, 40)
    assert objections(tmp_path, outputs, outputs + np.where(np.arange(40) % 2, 9.0, -9.0)) == {}
    assert "percentile 100" in objections(tmp_path, outputs, outputs + np.linspace(5, 7, 40))["sure"]


@pytest.mark.parametrize(("strategy", "said"), [("zero", "outside the data in a (0, where the data has 5 to 9)"),
                                                ("median", None)])  # fmt: skip
def test_only_a_point_that_is_not_made_of_data_lies_outside_it(tmp_path, strategy, said):
    # A median of other months may lie outside this one: that is not a fault.
    outputs = np.linspace(-1, 1, 40)
    found = objections(tmp_path, outputs, 0.01, strategy=strategy, values={"a": 0.0}, numbers=np.linspace(5, 9, 40))
    assert found.get("outside") == said


def test_of_a_few_rows_nothing_is_said(tmp_path):
    assert objections(tmp_path, np.zeros(19), 0.0) == {}
