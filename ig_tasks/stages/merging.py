"""The statistics of all shards as one, merged in a tree that the numbers of the shards alone decide.

64 shards in their order make a part, 64 parts a greater one, and so on: the same shards give the same bits, whoever
merges which part, and in whatever order. Workers merge the first parts, and compare the files of their shards with
what was written; the driver reads no shard then. No one holds more than one summary of each level.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from ig_tasks.cluster.job import map_shards
from ig_tasks.cluster.progress import Progress, unsaid
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import RunError
from ig_tasks.stages.shard_files import QUARANTINE_SCHEMA, quarantine_file
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.stages.sound_shards import examine_shard
from ig_tasks.statistics.packing import decode, encode
from ig_tasks.store import RunFolder, digest_of
from ig_tasks.store.sealed import damaged, seal_binary, unseal_binary

__all__ = ["TOGETHER", "Merged", "merge_part", "merged_shards"]

TOGETHER = 64
"""Shards of a part, and parts of a greater one. A run of no more shards is merged by the driver."""

_FOLDER = "merged"


@dataclass(frozen=True)
class Merged:
    """Shards as one: their summary, {table: digest} of all, and their quarantined rows."""

    summary: ShardSummary
    files: dict[str, str]
    quarantined: pa.Table


@dataclass(frozen=True)
class MergeTask:
    """Merge these shards, and leave the result in the run's folder under a name."""

    run_uri: str
    run_name: str
    run_id: str
    shards: tuple[str, ...]
    name: str


def merged_shards(run: RunFolder, shards: Sequence[str], session: ComputeSession) -> Merged | None:
    """All shards merged; None if a file of one of them is not what was written.

    Raises:
        WorkerLostError, ResourceError: of the workers.
    """
    if not shards:
        raise RunError(f"run {run.uri}: has no shards")
    if len(shards) <= TOGETHER:
        return _merge(run, shards)
    attempt = uuid.uuid4().hex[:8]  # two who merge at one moment do not remove each other's parts
    tasks = [
        MergeTask(run.uri, run.name, run.run_id, tuple(shards[at : at + TOGETHER]), f"{_FOLDER}/{attempt}-{at:09d}")
        for at in range(0, len(shards), TOGETHER)
    ]
    try:
        with Progress(len(shards), "merge", log=unsaid) as progress:
            results = map_shards(
                session,
                merge_part,
                [{"task": task} for task in tasks],
                keys=[f"merge-{run.run_id}-{task.name.rpartition('/')[2]}" for task in tasks],
                resources={},
                retries=1,
                rows=[len(task.shards) for task in tasks],
                progress=progress,
            )
            unsound = [index for index, is_sound in results if not is_sound]
        if unsound:
            return None
        return _folded([partial(_read_part, run, task.name) for task in tasks])
    finally:
        for task in tasks:
            for name in (_statistics(task.name), _quarantine(task.name)):
                with suppress(RunError):
                    run.remove(name)


def merge_part(task: MergeTask) -> bool:
    """On a worker: merge the shards of a task; False if a file of one of them is not what was written."""
    run = RunFolder(task.run_uri, task.run_name, task.run_id)
    merged = _merge(run, task.shards)
    if merged is None:
        return False
    content = run.write_table(_quarantine(task.name), merged.quarantined)
    parts, packed = encode(merged.summary.to_json)
    header = {"files": merged.files, "quarantined": digest_of(content), "parts": parts}
    run.write_bytes(_statistics(task.name), seal_binary(header, packed))
    return True


def _merge(run: RunFolder, shards: Sequence[str]) -> Merged | None:
    """Shards merged in their order, each compared with what was written."""
    merged: ShardSummary | None = None
    files: dict[str, str] = {}
    quarantined = [QUARANTINE_SCHEMA.empty_table()]
    for shard in shards:
        statistics, damage = examine_shard(run, shard)
        if statistics is None or damage:
            return None
        summary = statistics.summary()
        files |= statistics.files
        if summary.rows_quarantined:
            quarantined.append(run.checked(statistics.files).read_table(quarantine_file(shard)))
        merged = summary if merged is None else merged.merge(summary)
    return None if merged is None else Merged(merged, files, pa.concat_tables(quarantined))


def _folded(parts: Sequence[Callable[[], Merged]]) -> Merged:
    """Parts merged by the tree's greater parts; one of each level is held."""
    level: Iterator[Merged] = (read() for read in parts)
    count = len(parts)
    while count > 1:
        level, count = _in_groups(level), -(-count // TOGETHER)
    return next(level)


def _in_groups(parts: Iterator[Merged]) -> Iterator[Merged]:
    for first in parts:
        summary, files, quarantined = first.summary, dict(first.files), [first.quarantined]
        for part in islice(parts, TOGETHER - 1):
            summary = summary.merge(part.summary)
            files.update(part.files)
            quarantined.append(part.quarantined)
        yield Merged(summary, files, pa.concat_tables(quarantined))


def _read_part(run: RunFolder, name: str) -> Merged:
    """What a worker left of a part. Raises DamagedError if it is not what was written."""
    file = _statistics(name)
    try:
        header, content = unseal_binary(run.read_bytes(file))
    except (ValueError, FileNotFoundError) as error:
        raise damaged(run, file, "it is missing" if isinstance(error, FileNotFoundError) else str(error)) from None
    document: dict[str, Any] = decode(header["parts"], content)
    rows = run.checked({_quarantine(name): header["quarantined"]}).read_table(_quarantine(name))
    return Merged(ShardSummary.from_json(document), header["files"], rows)


def _statistics(name: str) -> str:
    return f"{name}.stats"


def _quarantine(name: str) -> str:
    return f"{name}.parquet"
