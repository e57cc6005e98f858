"""The files of one shard in a run's folder. The statistics are written last: where they are, the shard is done.

The statistics are sealed, and hold the digests of the tables: a shard is what its worker computed if all of them fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.statistics.packing import decode, encode
from ig_tasks.store import Folder, digest_of
from ig_tasks.store.sealed import damaged, seal_binary, unseal, unseal_binary

QUARANTINE_SCHEMA = pa.schema([("row_id", pa.string()), ("reason", pa.string())])


def attributions_file(shard: str) -> str:
    """The shard's attributions, a row for each (row_id, target)."""
    return f"attributions/{shard}.parquet"


def statistics_file(shard: str) -> str:
    """The shard's mergeable statistics and the checksums of its other files."""
    return f"statistics/{shard}.stats"


def earlier_statistics_file(shard: str) -> str:
    """The same as JSON, as versions wrote it before."""
    return f"statistics/{shard}.json"


def quarantine_file(shard: str) -> str:
    """The shard's rows that could not be explained, with the reasons."""
    return f"quarantine/{shard}.parquet"


def write_shard(run: Folder, summary: ShardSummary, attributions: pa.Table, quarantine: pa.Table) -> ShardSummary:
    """Write the tables, then the summary with their digests: the summary's presence commits the shard.

    A shard without quarantined rows has no table of them.
    """
    files = {}
    for name, table in (
        (attributions_file(summary.shard), attributions),
        (quarantine_file(summary.shard), quarantine),
    ):
        if table.num_rows or table is attributions:
            files[name] = digest_of(run.write_table(name, table))
    written = replace(summary, files=files)
    parts, content = encode(written.to_json)
    header = {"shard": summary.shard, "files": files, "parts": parts}
    run.write_bytes(statistics_file(summary.shard), seal_binary(header, content))
    return written


@dataclass(frozen=True)
class StatisticsFile:
    """The file that commits a shard, whose statistics are not decoded yet.

    name: of the file; files: {table of the shard: digest}.
    """

    name: str
    files: Mapping[str, str]
    decoded: Callable[[], dict[str, Any]]

    def summary(self) -> ShardSummary:
        """The summary that `write_shard` wrote."""
        return ShardSummary.from_json({**self.decoded(), "files": self.files})


def read_statistics(run: Folder, shard: str) -> StatisticsFile:
    """The file that commits a shard, of this version or of one that wrote JSON.

    Raises:
        DamagedError: if it is not there, or is not what was written.
    """
    for name in (statistics_file(shard), earlier_statistics_file(shard)):
        try:
            sealed = run.read_bytes(name)
        except FileNotFoundError:
            continue
        try:
            document, decoded = _opened(name, sealed)
        except ValueError as error:
            raise damaged(run, name, str(error)) from None
        files = set(document["files"])
        table = attributions_file(shard)
        if document["shard"] != shard or not {table} <= files <= {table, quarantine_file(shard)}:
            raise damaged(run, name, f"it is that of {document['shard']}")
        return StatisticsFile(name, document["files"], decoded)
    raise damaged(run, statistics_file(shard), "it is missing")


def read_summary(run: Folder, shard: str) -> ShardSummary:
    """The summary that `write_shard` wrote.

    Raises:
        DamagedError: if it is not there, or is not what was written.
    """
    return read_statistics(run, shard).summary()


def _opened(name: str, sealed: bytes) -> tuple[dict[str, Any], Callable[[], dict[str, Any]]]:
    """What a statistics file says of its shard's files, and how its statistics are decoded. Raises ValueError."""
    if name.endswith(".json"):
        document = unseal(sealed)
        return document, lambda: document
    header, content = unseal_binary(sealed)
    return header, partial(decode, header["parts"], content)
