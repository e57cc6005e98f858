"""One row that carries a feature's importance is named, with its share."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.groups import group_statistics
from ig_tasks.reports.outliers import outliers
from ig_tasks.reports.sentences import outlier_words
from ig_tasks.statistics import GroupedStatistics
from ig_tasks.store import Folder
from ig_tasks.store.report import Outlier


def found(tmp_path, segments=None, groups=None, **columns):
    folder, files = Folder(str(tmp_path)), []
    matrix = np.stack(list(columns.values()), axis=1)
    half = len(matrix) // 2
    for number, rows in enumerate((slice(0, half), slice(half, None))):
        held = {
            "row_id": [f"row-{place}" for place in range(len(matrix))[rows]],
            "target": ["late"] * len(matrix[rows]),
        }
        held |= {
            f"segment:{name}": pa.array(levels[rows].tolist(), pa.string()) for name, levels in (segments or {}).items()
        }
        held |= {f"attribution:{name}": values[rows] for name, values in columns.items()}
        files.append(f"attributions/shard-{number:06d}.parquet")
        folder.write_table(files[-1], pa.table(held))
    summary = SimpleNamespace(attributions={"late": GroupedStatistics.of(matrix, list(columns), segments)})
    return outliers(folder, files, summary, groups, group_statistics(folder, files, groups or {}))


def test_the_row_is_named_with_its_share_and_what_is_left_without_it(tmp_path):
    even = np.where(np.arange(200) % 2, 1.0, -1.0)
    carried = even.copy()
    carried[150] = -199.0
    (outlier,) = found(tmp_path, even=even, carried=carried, nothing=np.zeros(200))
    assert outlier.model_dump() == {
        "target": "late", "feature": "carried", "row_id": "row-150", "attribution": -199.0,
        "share": pytest.approx(0.5, rel=1e-12),
        "abs_mean_without": pytest.approx(1.0, rel=1e-12),
        "segment_column": None, "segment_level": None, "group": None,
    }  # fmt: skip


def test_a_row_that_carries_a_segment_and_not_all_rows_is_named_there(tmp_path):
    """100 rows of JFK at 1, 400 of EWR at 10: row 450 is a third of JFK's importance, and 1 % of all."""
    values = np.full(500, 10.0)
    values[400:] = 1.0
    values[450] = -50.0
    origin = np.array(["EWR"] * 400 + ["JFK"] * 100, dtype=object)
    (outlier,) = found(tmp_path, segments={"origin": origin}, a=values, b=np.ones(500))
    assert (outlier.feature, outlier.segment_column, outlier.segment_level) == ("a", "origin", "JFK")
    assert (outlier.row_id, outlier.attribution) == ("row-450", -50.0)
    assert outlier.share == pytest.approx(50 / 149, rel=1e-12)
    assert outlier.abs_mean_without == pytest.approx(1.0, rel=1e-12)
    # The same row in another segment does not belong to this one.
    values[3] = 60.0
    (outlier,) = found(tmp_path / "more", segments={"origin": origin}, a=values, b=np.ones(500))
    assert outlier.row_id == "row-450"


def test_rows_without_a_level_are_a_segment_of_their_own(tmp_path):
    values = np.ones(400)
    values[250] = 60.0
    origin = np.array(["EWR"] * 200 + [None] * 200, dtype=object)
    whole, within = found(tmp_path, segments={"origin": origin}, a=values)
    assert (whole.segment_column, within.segment_column, within.segment_level) == (None, "origin", "(missing)")
    assert whole.share == pytest.approx(60 / 459, rel=1e-12)
    assert within.share == pytest.approx(60 / 259, rel=1e-12)
    assert (within.row_id, within.abs_mean_without) == ("row-250", pytest.approx(1.0))


def test_of_many_segments_the_most_important_five_are_named_by_column(tmp_path):
    level = np.repeat([f"L{number}" for number in range(8)], 100).astype(object)
    values = np.ones(800)
    values[50::100] = 20.0 + np.arange(8)
    named = found(tmp_path, segments={"level": level, "again": level}, a=values)
    assert [one.segment_level for one in named] == ["L7", "L6", "L5", "L4", "L3"] * 2
    assert [one.segment_column for one in named] == ["level"] * 5 + ["again"] * 5


def test_a_row_that_carries_a_group_whose_features_cancel_elsewhere(tmp_path):
    """a and b cancel but for one row, so that no feature hangs on it, and the group does."""
    a, b = np.ones(300), -np.ones(300) + 0.01
    b[200] = 1.0
    (outlier,) = found(tmp_path, groups={"pair": ("a", "b"), "other": ("c",)}, a=a, b=b, c=np.ones(300))
    assert (outlier.group, outlier.feature, outlier.row_id) == ("pair", "pair", "row-200")
    assert outlier.attribution == pytest.approx(2.0)
    assert outlier.share == pytest.approx(2.0 / (2.0 + 299 * 0.01), rel=1e-9)
    assert outlier.abs_mean_without == pytest.approx(0.01)


def test_shards_are_read_once_however_many_features_stand_out(tmp_path, monkeypatch):
    carried = np.ones(200)
    carried[7] = 300.0
    read = []
    whole = Folder.read_table
    monkeypatch.setattr(Folder, "read_table", lambda self, *a, **k: read.append(a) or whole(self, *a, **k))
    level = np.array(["x", "y"] * 100, dtype=object)
    assert len(found(tmp_path, segments={"s": level}, a=carried, b=2 * carried, c=3 * carried)) == 6
    assert len(read) == 2  # one for each shard


def test_of_few_rows_each_has_a_great_share_and_none_is_named(tmp_path):
    assert found(tmp_path, a=np.array([1.0, 1.0, 1.0, 2.0])) == []


def test_the_only_row_that_is_moved_at_all_has_all_of_it(tmp_path):
    alone = np.zeros(100)
    alone[3] = 2.5
    (outlier,) = found(tmp_path, alone=alone)
    assert (outlier.row_id, outlier.share, outlier.abs_mean_without) == (
        "row-3", pytest.approx(1.0), pytest.approx(0.0, abs=1e-12),
    )  # fmt: skip


def test_it_is_said_in_a_sentence(sample):
    outlier = Outlier(
        target="late", feature="distance", row_id="r7", attribution=41.25, share=0.6234, abs_mean_without=0.93
    )
    assert outlier_words(sample.flights_report(), outlier).replace("\u00a0", " ") == (
        "One row carries 62.3 % of the importance of Distance: row r7, with an attribution of +41.25. "
        "Without it the mean |attribution| would be 0.9300."
    )
    within = outlier.model_copy(update={"segment_column": "carrier", "segment_level": "AA"})
    report = sample.flights_report(segment_columns=[{"column": "carrier", "levels": 3, "label": "Airline"}])
    assert (
        outlier_words(report, within)
        .replace("\u00a0", " ")
        .startswith("One row carries 62.3 % of the importance of Distance where Airline is AA: row r7,")
    )
    group = outlier.model_copy(update={"group": "weather", "feature": "weather"})
    assert outlier_words(report, group).replace("\u00a0", " ") == (
        "One row carries 62.3 % of the importance of the group weather: row r7, with a contribution of +41.25. "
        "Without it the mean |contribution| would be 0.9300."
    )
