"""Which shards are done: all their files are there, and are those that were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from ig_tasks.errors import DamagedError
from ig_tasks.stages.shard_files import (
    StatisticsFile,
    attributions_file,
    earlier_statistics_file,
    read_statistics,
    statistics_file,
)
from ig_tasks.store import RunFolder, set_aside
from ig_tasks.store.sealed import Say

__all__ = ["examine_shard", "is_sound", "sound_shards"]

_FOLDERS = ("statistics", "attributions", "quarantine")

_AT_ONCE = 4
"""Shards whose files are compared with their digests at one time: each is held whole."""
_TOGETHER = 32
"""Shards that are handed to a thread together: to hand one over takes as long as to read a small file."""


def sound_shards(run: RunFolder, shards: Sequence[str], say: Say) -> dict[str, Mapping[str, str]]:
    """The shards that are done, with the digests of their tables: all files are there, and are those that were written.

    A file that is not is set aside, and its shard is not done.
    """
    files = {f"{folder}/{name}" for folder in _FOLDERS for name in run.names(folder)}
    complete = [
        shard
        for shard in shards
        if attributions_file(shard) in files
        and (statistics_file(shard) in files or earlier_statistics_file(shard) in files)
    ]
    # Several at once: digests are made without the interpreter's lock, and a remote store answers each in its time.
    parts = [complete[at : at + _TOGETHER] for at in range(0, len(complete), _TOGETHER)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        examined = list(chain.from_iterable(pool.map(lambda part: [examine_shard(run, name) for name in part], parts)))
    sound: dict[str, Mapping[str, str]] = {}
    for shard, (statistics, damage) in zip(complete, examined, strict=True):
        for name in files & damage.keys():
            say(set_aside(run, name, damage[name]))
        if statistics is not None and not damage:
            sound[shard] = statistics.files
    return sound


def is_sound(run: RunFolder, shard: str) -> bool:
    """Whether a shard is done."""
    statistics, damage = examine_shard(run, shard)
    return statistics is not None and not damage


def examine_shard(run: RunFolder, shard: str) -> tuple[StatisticsFile | None, dict[str, DamagedError]]:
    """The statistics of a shard, and {file of the shard: what is wrong with it}."""
    try:
        statistics = read_statistics(run, shard)
    except DamagedError as error:
        name = statistics_file(shard)
        return None, {name if run.exists(name) else earlier_statistics_file(shard): error}
    checked, damage = run.checked(statistics.files), {}
    for name in statistics.files:
        try:
            checked.read_bytes(name)
        except DamagedError as error:
            damage[name] = error
    return statistics, damage
