"""A shard's rows are explained or quarantined: none is in both, none is lost."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ig_tasks.attribution.result import AttributionResult
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.features import features_of
from ig_tasks.data.inputs import InputSpec
from ig_tasks.data.shards import POSITION
from ig_tasks.errors import DataError
from ig_tasks.models.contents import Feature
from ig_tasks.spec import DataSpec
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.tables import shard_tables

FEATURES = (
    Feature("a", "numeric", "a", "numeric"),
    Feature("b", "numeric", "b", "numeric"),
    Feature("kind", "kind", "kind", "categorical"),
)
FRAME = pd.DataFrame(
    {
        "id": ["r0", "r1", None, "r3", "r4"],
        "a": [1.0, np.nan, 3.0, 4.0, 5.0],
        "b": [0.0, 0.0, 0.0, 0.0, 0.5],
        "kind": ["red", "red", "blue", "red", None],
        "origin": ["EWR", "JFK", "EWR", None, "JFK"],
        "served": [0.1, 0.2, 0.3, 0.4, np.nan],
        POSITION: [f"f:{n}" for n in range(5)],
    }
)
KEEP = np.array([True, False, True, True, True])
REASONS = np.array([None, "missing value in a", None, None, None], dtype=object)


@pytest.fixture
def explanation():
    kinds = ["converged", "converged", "not_finite", "max_evaluations"]
    numeric = np.array([[1.0, -2.0], [0.5, 0.5], [np.nan, np.nan], [3.0, 1.0]])
    return AttributionResult(
        attributions={"numeric": numeric, "kind": np.array([0.25, 0.5, np.nan, -4.0])},
        output=np.array([1.0, 2.0, np.nan, 4.0]),
        baseline_output=np.full(4, 0.5),
        convergence_delta=np.array([0.0, 0.0, np.nan, 0.1]),
        relative_delta=np.array([0.0, 0.0, np.nan, 0.02]),
        error_estimate=np.array([1e-3, 1e-3, np.nan, 0.05]),
        evaluations=np.array([5, 5, 0, 9], dtype=np.int32),
        status=np.array(kinds),
    )


def tables(explanation, **changes):
    data = DataSpec(uri="d", id="id", segments=("origin",), prediction="served")
    given = {"features": FEATURES, "target": "late", "data": data, "keep_inputs": True, **changes}
    return shard_tables(FRAME, KEEP, REASONS, explanation, **given)


def test_every_row_is_explained_or_quarantined_with_its_reason(explanation):
    found = tables(explanation)
    assert found.attributions.column("row_id").to_pylist() == ["r0", "r4"]
    assert found.quarantine.to_pylist() == [
        {"row_id": "r1", "reason": "missing value in a"},
        {"row_id": "f:2", "reason": "missing value in id"},
        {"row_id": "r3", "reason": "attribution is not finite"},
    ]
    summary = found.summarise("shard-000000", details={})
    assert (summary.rows_read, summary.rows_explained, summary.rows_quarantined) == (5, 2, 3)
    assert summary.rows_unconverged == 1


def test_statuses_are_counted_apart_and_add_up_over_shards(explanation):
    fixed = replace(explanation, status=np.array(["unverified", "converged", "not_finite", "max_evaluations"]))
    proven, unproven = (tables(each).summarise("s", details={}) for each in (explanation, fixed))
    counts = [(s.rows_converged, s.rows_unconverged, s.rows_unverified) for s in (proven, unproven)]
    assert counts == [(1, 1, 0), (0, 1, 1)]
    both = ShardSummary.from_json(json.loads(json.dumps(proven.merge(unproven).to_json())))
    assert (both.rows_explained, both.rows_converged, both.rows_unconverged, both.rows_unverified) == (4, 1, 2, 1)


def test_the_table_has_the_documented_columns_in_the_features_order(explanation):
    table = tables(explanation).attributions
    assert table.column_names == [
        "row_id", "target", "output", "baseline_output", "convergence_delta", "relative_delta", "error_estimate",
        "evaluations", "status", "prediction", "segment:origin", "attribution:a", "attribution:b", "attribution:kind",
        "input:a", "input:b", "input:kind",
    ]  # fmt: skip
    assert table.to_pylist()[1] == {
        "row_id": "r4", "target": "late", "output": 4.0, "baseline_output": 0.5, "convergence_delta": 0.1,
        "relative_delta": 0.02, "error_estimate": 0.05, "evaluations": 9, "status": "max_evaluations",
        "prediction": None, "segment:origin": "JFK", "attribution:a": 3.0, "attribution:b": 1.0,
        "attribution:kind": -4.0, "input:a": 5.0, "input:b": 0.5, "input:kind": "(missing)",
    }  # fmt: skip


def test_a_column_of_ids_is_no_segment(explanation, monkeypatch):
    monkeypatch.setattr("ig_tasks.data.levels.SEGMENT_LEVELS", 1)
    with pytest.raises(DataError, match=r"data\.segments: 'origin' has 2 levels in one shard, at most 1 can"):
        tables(explanation)


def test_inputs_are_left_out_when_they_are_not_kept(explanation):
    names = tables(explanation, keep_inputs=False).attributions.column_names
    assert [name for name in names if name.startswith("input:")] == []


def test_without_an_id_a_row_is_named_by_its_file_and_number(explanation):
    found = tables(explanation, data=DataSpec(uri="d"))
    assert found.attributions.column("row_id").to_pylist() == ["f:0", "f:2", "f:4"]


def test_a_shard_without_a_usable_row_has_an_empty_table_of_the_same_columns(explanation):
    nothing = shard_tables(
        FRAME,
        np.zeros(5, dtype=bool),
        np.array(["no"] * 5, dtype=object),
        None,
        features=FEATURES,
        target="late",
        data=DataSpec(uri="d", id="id", segments=("origin",), prediction="served"),
        keep_inputs=True,
    )
    full = tables(explanation).attributions.schema
    assert nothing.attributions.schema.equals(full)
    summary = nothing.summarise("shard-000000", details={})
    assert (summary.rows_read, summary.rows_explained, dict(summary.reasons)) == (5, 0, {"no": 5})


def test_a_summary_survives_json_and_merges_by_count(explanation):
    summary = tables(explanation).summarise("shard-000000", details={"integrator": "x", "levels": [1]}, seconds=1.0)
    again = ShardSummary.from_json(summary.to_json())
    assert again.to_json() == summary.to_json()
    assert again.details == {"integrator": "x"}
    merged = summary.merge(again)
    assert (merged.rows_read, merged.rows_explained, merged.evaluations) == (10, 4, 28)
    assert dict(merged.reasons)["missing value in a"] == 2
    overall = merged.attributions["late"].overall
    np.testing.assert_allclose(overall.abs_mean, [2.0, 1.5, 2.125], atol=1e-12)
    np.testing.assert_allclose(overall.mean, [2.0, -0.5, -1.875], atol=1e-12)
    assert merged.categories["kind"].counts == {"(missing)": 2, "red": 2}


def test_texts_bags_and_images_have_columns_of_their_own(explanation):
    inputs = {
        "ids": InputSpec(kind="tokens", columns=("kind",), vocabulary=("red", "blue"), offset=2, unknown=1, length=3),
        "picture": InputSpec(kind="image", columns=("served",), shape=(2, 2), grid=(1, 2)),
    }
    frame = FRAME.assign(kind=["red red", "", "blue", "blue red x", "x"])
    parts = {"ids": np.arange(12.0).reshape(4, 3), "picture": np.arange(16.0).reshape(4, 2, 2)}
    parts["ids"][2] = np.nan
    parts["picture"][:, :, 1] *= -1.0
    held = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0]], dtype=bool)
    encoded = Encoded(
        inputs={"ids": np.array([[2, 2, 0], [3, 0, 0], [3, 2, 1], [1, 0, 0]])}, keep=KEEP, reasons=REASONS,
        token_masks={"ids": held},
    )  # fmt: skip
    found = shard_tables(
        frame, KEEP, REASONS, replace(explanation, attributions=parts), features=features_of(inputs), target="late",
        data=DataSpec(uri="d", id="id"), keep_inputs=True, inputs=inputs, encoded=encoded,
    )  # fmt: skip
    table = found.attributions
    assert table.column("row_id").to_pylist() == ["r0", "r4"]
    assert table.column("attribution:kind").to_pylist() == [3.0, 30.0]
    assert table.column("attribution:served[0,0]").to_pylist() == [2.0, 26.0]
    assert table.column("input:kind").to_pylist() == ["red red", "x"]
    assert table.column("input:served[0,1]").to_pylist() == [None, None]
    assert table.column("tokens:ids").to_pylist() == [["red", "red"], ["(unknown)"]]
    assert table.column("token_attributions:ids").to_pylist() == [[0.0, 1.0], [9.0]]
    # What the error estimate is relative to: the two cells of a picture do not cancel in it, nor do its pixels.
    assert table.column("attribution_size").to_pylist() == [9.0, 84.0]
    # Every text is a level of its own: counting them would fill the store.
    assert (dict(found.categories), dict(found.numbers)) == ({}, {})
    nothing = shard_tables(
        frame, np.zeros(5, dtype=bool), np.array(["no"] * 5, dtype=object), None, features=features_of(inputs),
        target="late", data=DataSpec(uri="d", id="id"), keep_inputs=True, inputs=inputs, encoded=encoded,
    )  # fmt: skip
    assert nothing.attributions.schema.equals(table.schema)
