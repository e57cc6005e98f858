"""One row that carries a feature's importance is named, with its share."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.reports.outliers import outliers
from ig_tasks.reports.sentences import outlier_words
from ig_tasks.statistics import FeatureStatistics
from ig_tasks.store import Folder
from ig_tasks.store.report import Outlier


def found(tmp_path, **columns):
    folder, files = Folder(str(tmp_path)), []
    matrix = np.stack(list(columns.values()), axis=1)
    half = len(matrix) // 2
    for number, rows in enumerate((slice(0, half), slice(half, None))):
        held = {
            "row_id": [f"row-{place}" for place in range(len(matrix))[rows]],
            "target": ["late"] * len(matrix[rows]),
        }
        held |= {f"attribution:{name}": values[rows] for name, values in columns.items()}
        files.append(f"attributions/shard-{number:06d}.parquet")
        folder.write_table(files[-1], pa.table(held))
    overall = FeatureStatistics.of(matrix, list(columns))
    summary = SimpleNamespace(attributions={"late": SimpleNamespace(overall=overall)})
    return outliers(folder, files, summary)


def test_the_row_is_named_with_its_share_and_what_is_left_without_it(tmp_path):
    even = np.where(np.arange(200) % 2, 1.0, -1.0)
    carried = even.copy()
    carried[150] = -199.0
    (outlier,) = found(tmp_path, even=even, carried=carried, nothing=np.zeros(200))
    assert outlier.model_dump() == {
        "target": "late", "feature": "carried", "row_id": "row-150", "attribution": -199.0,
        "share": pytest.approx(0.5, rel=1e-12),
        "abs_mean_without": pytest.approx(1.0, rel=1e-12),
    }  # fmt: skip


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
