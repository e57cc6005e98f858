"""Ids that name two rows, and segments of too many levels, end a run before it computes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.tiny import table, write_project

from ig_tasks.data.shards import read_shard
from ig_tasks.errors import DataError
from ig_tasks.spec import load_spec
from ig_tasks.stages import columns
from ig_tasks.stages.columns import examined_columns, require_few_levels, require_unique_ids
from ig_tasks.stages.planning import plan_run
from ig_tasks.stages.run_plan import RunPlan
from ig_tasks.store import Folder


def plan(root: Path, ids: list[Any], partition: str = "2013-01", **settings: Any) -> RunPlan:
    """A run over the rows of one month with these ids, three rows per shard."""
    path = write_project(root, rows=20, compute={"shard_rows": 3})
    frame = table(len(ids), 1).assign(id=ids)
    frame.to_parquet(root / "data" / "month=2013-01" / "part-0.parquet", index=False)
    return plan_run(load_spec(path, settings=settings), partition)


def test_an_id_of_several_rows_is_named_with_its_column_across_shards_and_months(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^data\.id: 2 rows of partition 2013-01 have the id 'a'; name a column"):
        require_unique_ids(plan(tmp_path, ["a", "b", "c", "d", "a"]))
    both = plan(tmp_path, ["2-000003", "b"], partition="all")
    with pytest.raises(DataError, match="2 rows of partition all have the id '2-000003'"):
        require_unique_ids(both)


@pytest.mark.parametrize(
    ("ids", "settings"),
    [
        (["a", "b", "c", "d", "e"], {}),
        ([None, None, "a", None], {}),  # rows without an id go by file and number
        (["a", "a", "a"], {"data.id": None}),
        ([2**60, 2**60 + 1], {}),
    ],
)
def test_ids_that_tell_all_rows_apart_pass(tmp_path: Path, ids: list[Any], settings: dict[str, Any]) -> None:
    require_unique_ids(plan(tmp_path, ids, **settings))


def test_two_ids_of_one_hash_are_two_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.util, "hash_array", lambda ids, categorize: np.zeros(len(ids), np.uint64))
    require_unique_ids(plan(tmp_path, ["a", "b", "c", "d"]))


def test_a_segment_of_too_many_levels_is_found_in_the_first_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ig_tasks.data.levels.SEGMENT_LEVELS", 2)
    found = plan(tmp_path, ["a", "b", "c", "d"], **{"data.segments": ["id"]})
    with pytest.raises(
        DataError, match=r"^data\.segments: 'id' has 3 levels in one shard, at most 2 can be told apart"
    ):
        require_few_levels(found)
    require_few_levels(plan(tmp_path, ["a", "b", "a"], **{"data.segments": ["id"]}))
    require_few_levels(plan(tmp_path, ["a"], **{"data.segments": []}))


def test_ids_are_read_in_large_blocks_however_small_the_shards_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    monkeypatch.setattr(
        columns, "read_shard", lambda shard, names: (read.append(shard.rows), read_shard(shard, names))[1]
    )
    require_unique_ids(plan(tmp_path, [f"id-{row}" for row in range(100)]))
    assert read == [100]


def test_what_was_seen_of_the_data_is_not_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = plan(tmp_path, ["a", "b", "c", "d"])
    folder = Folder(str(tmp_path / "seen"))
    seen = columns.Labels("id", 3, 4)
    looked: list[str] = []
    monkeypatch.setattr(columns, "require_labels", lambda _: (looked.append("labels"), seen)[1])
    monkeypatch.setattr(columns, "require_unique_ids", lambda _: looked.append("ids"))
    digest = first.data_digest()
    for _ in range(2):
        assert examined_columns(first, folder, digest, say=print) == seen
    assert looked == ["ids", "labels"]
    assert examined_columns(first, folder, "sha256:other", say=print) == seen
    other = plan(tmp_path, ["a", "b", "c", "d"], **{"data.sample": 2})
    assert examined_columns(other, folder, digest, say=print) == seen
    assert looked == ["ids", "labels"] * 3


def test_data_with_an_id_twice_leave_no_note_that_they_were_seen(tmp_path: Path) -> None:
    found = plan(tmp_path, ["a", "a"])
    for _ in range(2):
        with pytest.raises(DataError, match="have the id 'a'"):
            examined_columns(found, Folder(str(tmp_path / "seen")), found.data_digest(), say=print)


def test_the_ids_of_more_rows_than_can_be_held_are_left_to_the_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_MOST_IDS", 3)
    require_unique_ids(plan(tmp_path, ["a", "b", "c", "a"]))
