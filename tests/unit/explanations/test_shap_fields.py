"""A run's rows as the fields of `shap.Explanation`."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.errors import InputError
from ig_tasks.explanations.shap_fields import require_shap, shap_fields
from ig_tasks.reports.exporters.shap import shap_text
from ig_tasks.store import Folder


@pytest.fixture
def run(tmp_path: object) -> SimpleNamespace:
    """Two shards of three rows, two targets each; a number with a gap, and a category."""
    folder, files = Folder(str(tmp_path)), []
    for shard in range(2):
        ids = [f"r{3 * shard + place}" for place in range(3)]
        held = {"row_id": [*ids, *ids], "target": ["late"] * 3 + ["very_late"] * 3}
        held["baseline_output"] = [-1.0] * 3 + [-2.0] * 3
        held["attribution:delay"] = [10.0 * shard + place for place in range(3)] + [7.0] * 3
        held["attribution:carrier"] = [0.5] * 3 + [0.25] * 3
        held["input:delay"] = pa.array([1.5, None, 3.0] * 2, pa.float64())
        held["input:carrier"] = ["UA", "B6", None] * 2
        files.append(f"attributions/{shard}.parquet")
        folder.write_table(files[-1], pa.table(held))
    return SimpleNamespace(tables=folder, summary=SimpleNamespace(attribution_files=files))


def test_the_fields_hold_every_row_of_one_target_in_the_order_of_the_run(run: SimpleNamespace) -> None:
    fields = shap_fields(run.tables, run.summary.attribution_files)
    np.testing.assert_array_equal(fields["values"][:, 0], [0, 1, 2, 10, 11, 12])
    np.testing.assert_array_equal(fields["base_values"], [-1.0] * 6)
    assert fields["feature_names"] == ["delay", "carrier"]
    assert fields["instance_names"] == ["r0", "r1", "r2", "r3", "r4", "r5"]
    assert fields["data"].tolist()[1] == [None, "B6"]
    other = shap_fields(run.tables, run.summary.attribution_files, "very_late", rows=3)
    assert other["instance_names"] == ["r0", "r2", "r4"]
    np.testing.assert_array_equal(other["values"], [[7.0, 0.25]] * 3)


def test_a_target_that_is_not_there_is_refused_with_those_that_are(run: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="its targets: late, very_late"):
        shap_fields(run.tables, run.summary.attribution_files, "early")


def test_the_export_is_one_json_object_with_the_same_fields(run: SimpleNamespace) -> None:
    held = json.loads("".join(shap_text(run)))
    fields = shap_fields(run.tables, run.summary.attribution_files)
    assert list(held) == list(fields)
    np.testing.assert_array_equal(held["values"], fields["values"])
    assert held["data"] == fields["data"].tolist()
    assert held["instance_names"] == fields["instance_names"]


def test_the_package_is_asked_for_where_it_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(InputError, match="pip install shap"):
        require_shap()
