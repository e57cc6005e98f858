"""The same shards give the same bits, whoever merges which part of them, and in whatever order."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from support.planted import Model, rows_of_days, shard_summary

from ig_tasks.cluster.session import ComputeSession
from ig_tasks.spec import ComputeSpec
from ig_tasks.stages import merging
from ig_tasks.stages.merging import merged_shards
from ig_tasks.stages.shard_files import QUARANTINE_SCHEMA, quarantine_file, read_summary, write_shard
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.sound_shards import sound_shards
from ig_tasks.store import RunFolder, digest_of
from ig_tasks.store.sealed import seal

SHARDS = 23
NAMES = [f"shard-{number:06d}" for number in range(SHARDS)]


@pytest.fixture(autouse=True)
def three_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "TOGETHER", 3)


@pytest.fixture
def session() -> Iterator[ComputeSession]:
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run of 23 shards, some with a row in quarantine."""
    folder = RunFolder(str(tmp_path / "run"), "planted", "run")
    model = Model({"a": 1.0, "b": -0.5})
    rows = rows_of_days(7, columns=["a", "b"], days=SHARDS, per_day=11)
    for number, part in enumerate(np.array_split(np.arange(len(rows)), SHARDS)):
        summary = shard_summary(rows.iloc[part], model, NAMES[number], clusters=True)
        left = pa.table([[f"row-{number}"], ["odd"]], schema=QUARANTINE_SCHEMA).slice(number % 2)
        read = summary.rows_explained + left.num_rows
        write_shard(
            folder,
            ShardSummary(**{**vars(summary), "rows_read": read}),
            pa.table({"row_id": [f"{number}-{row}" for row in range(summary.rows_explained)]}),
            left,
        )
    return folder


def text(summary: ShardSummary) -> str:
    return json.dumps(summary.to_json())


def by_hand(parts: list[ShardSummary]) -> ShardSummary:
    """Threes, then threes of threes, and so on, as the module says it."""
    while len(parts) > 1:
        groups = [parts[at : at + 3] for at in range(0, len(parts), 3)]
        parts = []
        for first, *others in groups:
            for other in others:
                first = first.merge(other)
            parts.append(first)
    return parts[0]


def test_the_tree_is_that_of_the_shards_numbers(run: RunFolder, session: ComputeSession) -> None:
    merged = merged_shards(run, NAMES, session)
    assert merged is not None
    assert text(merged.summary) == text(by_hand([read_summary(run, name) for name in NAMES]))
    assert merged.summary.rows_explained == 23 * 11
    assert merged.quarantined["row_id"].to_pylist() == [f"row-{number}" for number in range(0, SHARDS, 2)]
    assert len(merged.files) == SHARDS + 12  # a shard without quarantined rows has no table of them
    assert run.names("merged") == []


def test_bits_do_not_depend_on_the_order_in_which_parts_are_done(
    run: RunFolder, session: ComputeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = merged_shards(run, NAMES, session)

    def shuffled(_session: Any, function: Any, tasks: list[dict[str, Any]], **_others: Any) -> Iterator[Any]:
        order = list(enumerate(tasks))
        random.Random(3).shuffle(order)
        for index, task in order:
            yield index, function(**task)

    monkeypatch.setattr(merging, "map_shards", shuffled)
    again = merged_shards(run, NAMES, session)
    assert first is not None
    assert again is not None
    assert text(first.summary) == text(again.summary)
    assert first.files == again.files


def test_a_run_of_few_shards_is_merged_from_left_to_right(run: RunFolder, session: ComputeSession) -> None:
    merged = merged_shards(run, NAMES[:3], session)
    one, two, three = (read_summary(run, name) for name in NAMES[:3])
    assert merged is not None
    assert text(merged.summary) == text(one.merge(two).merge(three))


def test_the_driver_reads_parts_alone_and_holds_one_of_each_level(
    run: RunFolder, session: ComputeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    merges: list[int] = []
    on_worker = False
    plain_read, plain_merge, plain_part = RunFolder.read_bytes, ShardSummary.merge, merging.merge_part

    def counted(folder: RunFolder, name: str) -> bytes:
        if not on_worker:
            read.append(name)
        return plain_read(folder, name)

    def part(task: merging.MergeTask) -> bool:
        nonlocal on_worker
        on_worker = True
        try:
            return plain_part(task)
        finally:
            on_worker = False

    def merged_with(one: ShardSummary, other: ShardSummary) -> ShardSummary:
        merges.append(len(read))
        return plain_merge(one, other)

    monkeypatch.setattr(RunFolder, "read_bytes", counted)
    monkeypatch.setattr(merging, "merge_part", part)
    monkeypatch.setattr(ShardSummary, "merge", merged_with)
    assert merged_shards(run, NAMES, session) is not None
    assert len(read) == 2 * 8
    assert all(name.startswith("merged/") for name in read)
    # Eight parts: each is merged before the next but two is read.
    driver = merges[-7:]
    assert driver == sorted(driver)
    assert driver[:2] == [4, 6]


@pytest.mark.parametrize("damaged", ["statistics/shard-000004.stats", "attributions/shard-000022.parquet"])
@pytest.mark.parametrize("change", ["flipped", "removed"])
def test_a_shard_that_is_not_what_was_written_is_found_by_who_merges_it(
    run: RunFolder, session: ComputeSession, damaged: str, change: str
) -> None:
    file = Path(run.path_of(damaged))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.unlink() if change == "removed" else file.write_bytes(bytes(content))
    assert merged_shards(run, NAMES, session) is None
    assert run.names("merged") == []


def test_shards_of_the_version_before_are_gone_on_with_to_the_same_bits(
    run: RunFolder, session: ComputeSession
) -> None:
    """It wrote statistics as JSON, and a table of quarantined rows also where no row was."""
    merged = merged_shards(run, NAMES, session)
    assert merged is not None
    for name in NAMES[:7]:
        files = dict(read_summary(run, name).files)
        if quarantine_file(name) not in files:
            content = run.write_table(quarantine_file(name), QUARANTINE_SCHEMA.empty_table())
            files[quarantine_file(name)] = digest_of(content)
        document = {**read_summary(run, name).to_json(), "files": files}
        run.write_bytes(f"statistics/{name}.json", seal(document, indent=None))
        run.remove(f"statistics/{name}.stats")
    lines: list[str] = []
    assert list(sound_shards(run, NAMES, lines.append)) == NAMES
    again = merged_shards(run, NAMES, session)
    assert again is not None
    left, right = again.summary.to_json(), merged.summary.to_json()
    assert left.pop("files").keys() >= right.pop("files").keys()
    assert json.dumps(left) == json.dumps(right)
    file = Path(run.path_of("statistics/shard-000003.json"))
    file.write_bytes(file.read_bytes()[:-20])
    assert len(sound_shards(run, NAMES, lines.append)) == SHARDS - 1
    assert len(lines) == 1
    assert "statistics/shard-000003.json is damaged" in lines[0]
