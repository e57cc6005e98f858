"""Every Arrow type that Parquet holds is read as its plain values, and rows can be taken from it."""

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ig_tasks.data.arrow import plain_column, plain_type
from ig_tasks.data.dataset import Dataset
from ig_tasks.data.shards import plan_shards, read_shard

TEXTS = ["AA", "DL", None]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS, pa.large_string()),
        pa.array(TEXTS).dictionary_encode(),
        pa.array(TEXTS).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.large_string())),
        pa.array([text and text.encode() for text in TEXTS], pa.binary_view()),
        pa.array([text and text.encode() for text in TEXTS], pa.binary(2)),
        pa.array([[text] for text in TEXTS], pa.list_(pa.string_view())),
        pa.array([[text] for text in TEXTS], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.25"), None], pa.decimal256(50, 2)),
        pa.array([True, False, None]),
        pa.array([2**63 + 1, 1, None], pa.uint64()),
        pa.array(np.array([1, 2, 3], np.float16)),
        pa.nulls(3),
        pa.array([dt.date(2013, 1, 1)] * 3),
        pa.array([[1.0, 2.0]] * 3, pa.list_view(pa.float32())),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"] * 3)),
    ],
    ids=lambda column: str(column.type),
)
def test_a_column_of_any_type_is_read_as_its_values(tmp_path, column):
    pq.write_table(pa.table({"x": column}), tmp_path / "part.parquet")
    dataset = Dataset(str(tmp_path))
    (shard,) = plan_shards(dataset, dataset.files(), 10)
    found = [None if cell is None or cell is pa.NA else cell for cell in read_shard(shard, ["x"])["x"].tolist()]
    for given, came in zip(column.to_pylist(), found, strict=True):
        if given is None:
            assert came is None or came != came
        else:
            assert list(came) == given if isinstance(given, list) else came == given


def test_plain_types_stay_as_they_are():
    for kind in (pa.string(), pa.int64(), pa.list_(pa.float32(), 4), pa.struct([("a", pa.int8())])):
        assert plain_type(kind) == kind
    column = pa.chunked_array([["a"], ["b"]])
    assert plain_column(column) is column
    inside = pa.struct([("a", pa.list_(pa.string_view()))])
    assert plain_type(inside) == pa.struct([("a", pa.list_(pa.large_string()))])
