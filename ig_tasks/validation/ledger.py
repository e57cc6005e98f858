"""Which rows were seen, over all shards, in bounded memory: DuckDB on a file of its own."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from ig_tasks.errors import CheckBrokenError, brief

MEMORY = "256MB"  # beyond it DuckDB works on disk


@dataclass(frozen=True)
class Duplicates:
    """`rows`: rows without an id, and all but the first of those that share (row_id, target)."""

    rows: int
    example: str | None


class RowLedger:
    """Remembers (row_id, target) of every row; a context manager, since it keeps a temporary folder."""

    def __init__(self) -> None:
        """Raises CheckBrokenError if there is no room for temporary files."""
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="ig_tasks_ledger_")
        except OSError as error:
            raise _broken(error) from error
        self._connection: Any = None

    def __enter__(self) -> Self:
        import duckdb

        folder = Path(self._folder.name)
        settings = {
            "memory_limit": MEMORY,
            "threads": 2,
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": False,
        }
        self._connection = duckdb.connect(str(folder / "rows.duckdb"), config=settings)
        self._connection.execute("CREATE TABLE seen (row_id VARCHAR, target VARCHAR)")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, ids: pa.Table) -> None:
        """Rows with the string columns row_id and target."""
        self._connection.register("chunk", ids)
        self._execute("INSERT INTO seen SELECT row_id, target FROM chunk")
        self._connection.unregister("chunk")

    def duplicates(self) -> Duplicates:
        """The rows that cannot be told from another, and one of their ids."""
        rows, example = self._execute(
            "SELECT COALESCE(SUM(n - (row_id IS NOT NULL)::INT), 0), MIN(row_id) FROM "
            "(SELECT row_id, COUNT(*) AS n FROM seen GROUP BY row_id, target HAVING n > 1 OR row_id IS NULL)"
        )[0]
        return Duplicates(int(rows), example)

    def rows_by_target(self) -> dict[str, int]:
        """Rows seen of each target."""
        counts = self._execute("SELECT COALESCE(target, ''), COUNT(*) FROM seen GROUP BY target ORDER BY target")
        return {str(target): int(rows) for target, rows in counts}

    def _execute(self, statement: str) -> list[tuple[Any, ...]]:
        import duckdb

        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(statement).fetchall()
        except duckdb.Error as error:
            raise _broken(error) from error
        return rows


def _broken(error: Exception) -> CheckBrokenError:
    reason = brief(error)
    place = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - what Python takes if nothing is said
    return CheckBrokenError(
        f"check row_ids_unique: could not be carried out ({reason}); its temporary files lie in {place}: make room "
        "there, or let TMPDIR name another place"
    )
