"""One row of a finished run's attributions, found by its id."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ig_tasks.errors import InputError, RunError
from ig_tasks.presentation.statuses import row_words
from ig_tasks.store import RunFolder

__all__ = ["stored_row"]


def stored_row(
    folder: RunFolder, checked: RunFolder, row_id: str, *, method: str = "integrated_gradients"
) -> pd.Series:
    """The stored row; `.attrs["status"]` says what its status means, empty where it converged.

    Args:
        folder: the run's.
        checked: the same, which compares what it reads with the digests of what was written.

    Raises:
        InputError: if the run has no such row, or it is in quarantine.
        DamagedError: if a file that says so is not what was written.
    """
    names = [f"attributions/{name}" for name in folder.names("attributions")]
    for name in names:
        if not _holds(folder, checked, name, row_id):
            continue
        # Found by one column; believed once the whole file is what was written.
        table = checked.read_table(name)
        place = pc.index(table.column("row_id"), row_id).as_py()
        row: pd.Series = table.slice(place, 1).to_pandas().iloc[0]
        row.attrs["status"] = row_words(str(row["status"]), method=method)
        return row
    left = checked.read_table("quarantine.parquet").to_pandas().set_index("row_id")["reason"]
    if row_id in left.index:
        raise InputError(f"row_id {row_id!r} could not be explained: {left[row_id]}")
    for name in names:
        checked.read_bytes(name)
    raise InputError(f"row_id {row_id!r} is not a row of run {folder.uri}")


def _holds(folder: RunFolder, checked: RunFolder, name: str, row_id: str) -> bool:
    """Whether a shard holds the row, by its column of ids alone."""
    try:
        ids = folder.read_table(name, columns=["row_id"]).column("row_id")
    except (RunError, pa.ArrowException):
        checked.read_bytes(name)  # says that it is damaged
        raise
    return bool(pc.index(ids, row_id).as_py() >= 0)
