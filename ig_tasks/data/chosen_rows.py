"""Rows that are asked for by their ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.shards import plan_shards, read_shard, row_ids
from ig_tasks.errors import DataError

__all__ = ["find_rows"]

_READ_ROWS = 65536
_NAMED = 5
"""Missing ids, and ids that are there, that a message names."""


def find_rows(dataset: Dataset, files: Sequence[DataFile], column: str | None, ids: Sequence[str]) -> tuple[int, ...]:
    """Positions, increasing, of the rows with these ids among all rows of the files.

    Args:
        column: of the ids; None: rows go by file and number.
        ids: as a run calls its rows.

    Raises:
        DataError: in one line, naming the ids that are not there and some that are.
    """
    wanted, known_ids = frozenset(ids), set[str]()
    some: list[str] = []
    columns = [] if column is None else [column]
    positions: list[NDArray[np.int64]] = []
    for shard in plan_shards(dataset, files, _READ_ROWS):
        names = row_ids(read_shard(shard, columns), column)
        is_wanted = np.array([name in wanted for name in names], dtype=bool)
        known_ids.update(names[is_wanted])
        some += list(names[: _NAMED - len(some)])
        positions.append(shard.positions()[is_wanted])
    missing = [name for name in dict.fromkeys(ids) if name not in known_ids]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        called = f"column {column}" if column else "rows go by file and number"
        raise DataError(
            f"data.rows: {', '.join(map(repr, missing[:_NAMED]))}{more}: no such row in these data ({called}); there "
            f"are {', '.join(map(repr, some))} ..."
        )
    return tuple(int(position) for position in np.concatenate(positions))
