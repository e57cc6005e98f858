"""The document of `ig-tasks diff --json`: every key that was promised, with a value that can be checked by hand."""

from __future__ import annotations

import json

import pytest
from support.planted import Model, compare_planted, rows_of_days

TOP = {
    "schema_version", "reference", "current", "comparable", "why_not", "model_changed", "baseline_changed",
    "features", "groups", "indices", "summary",
}  # fmt: skip
ROW = {
    "target", "segment", "feature", "group", "before", "after", "change", "change_ci", "relative", "q_value", "state",
    "cause", "parts", "others", "rank_before", "rank_after", "mean_before", "mean_after", "row_cosine", "input_drift",
    "alarm", "sentence",
}  # fmt: skip


def test_the_document_of_a_comparison_has_all_that_was_promised() -> None:
    model = Model(linear={"a": 1.0, "b": 0.7}, products={("p", "q"): 0.8})
    first, second = (rows_of_days(seed, ["a", "b", "p", "q"]) for seed in (0, 1))
    moved = second.assign(q=second["q"] * 2.2)
    drift = compare_planted((first, model), (moved, model.changed(linear={"a": 2.0, "b": 0.7})))
    document = json.loads(drift.model_dump_json())
    assert set(document) >= TOP
    for side in ("reference", "current"):
        assert set(document[side]) >= {"name", "run_id", "partition", "rows"}
    assert (document["comparable"], document["why_not"]) == (True, "")
    assert (document["model_changed"], document["baseline_changed"]) == (True, False)
    assert set(document["indices"][0]) >= {"ndcg", "kendall_tau", "jensen_shannon", "cosine"}
    rows = {row["feature"]: row for row in document["features"]}
    assert set(rows) == {"a", "b", "p", "q"}
    for row in rows.values():
        assert set(row) >= ROW
        assert row["change"] == pytest.approx(row["after"] - row["before"])
        assert row["relative"] == pytest.approx(2 * row["change"] / (row["after"] + row["before"]))
        assert row["change_ci"][0] <= row["change"] <= row["change_ci"][1]
        assert row["sentence"]
        for part in row["parts"].values():
            assert set(part) == {"value", "se"}
    for row in rows.values():
        assert set(row["parts"]) == {"model", "own", "others"}
        assert sum(part["value"] for part in row["parts"].values()) == pytest.approx(row["relative"], abs=1e-9)
        assert row["input_drift"]["wasserstein"] is not None
    assert rows["a"]["cause"][0] == "model"
    assert rows["p"]["cause"] == ["others"]
    assert [other["feature"] for other in rows["p"]["others"]] == ["q"]
    assert rows["a"]["row_cosine"] == pytest.approx(1.0)
    assert sorted(row["rank_after"] for row in rows.values()) == [1, 2, 3, 4]
