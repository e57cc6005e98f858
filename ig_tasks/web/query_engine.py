"""One connection to DuckDB for one request: it reads the files of one run, nothing else, in bounded time and memory.

External access and extensions are off, the settings are locked, and nothing is spilled to a disk. The files come from
a filesystem of our own, under numbers: no path of the store is part of a query, and no other file can be read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ig_tasks.errors import DamagedError, QueryError, RunError, brief
from ig_tasks.web.conditions import Column, Columns
from ig_tasks.web.turns import Turns
from ig_tasks.web.verified_files import VerifiedFiles, address, filesystem_of

__all__ = ["LIMITS", "Limits", "Question", "asking", "columns_of"]


@dataclass(frozen=True)
class Limits:
    """What one request may take, and how many may ask at one time."""

    seconds: float = 10.0
    memory: str = "256MB"
    threads: int = 2
    page: int = 200
    """Rows on a page."""
    offset: int = 100_000
    """Rows before a page: whoever looks for one further down sorts or filters."""
    sample: int = 5_000
    """Points of a sample, bins and levels."""
    download: int = 100_000
    """Rows of a download, at most."""
    cells: int = 8_000_000
    """Cells of a download, at most."""
    at_once: int = 4
    waiting: float = 5.0
    """Seconds that a request waits for its turn."""
    in_line: int = 8
    """Requests that may wait."""


LIMITS = Limits()
_TURNS = Turns(LIMITS.at_once, LIMITS.in_line)
_BUSY = "Many people ask for rows at this moment. Try again in a few seconds."


def columns_of(files: VerifiedFiles) -> Columns:
    """The columns of a run's rows, by the first of its files: all are written alike.

    Raises:
        DamagedError: if the file is not what was written.
    """
    with files.open(0) as handle, pq.ParquetFile(handle) as file:
        schema = file.schema_arrow
    return Columns(Column(field.name, place, _kind(field.type)) for place, field in enumerate(schema))


def _kind(data_type: pa.DataType) -> Any:
    if pa.types.is_floating(data_type) or pa.types.is_integer(data_type):
        return "number"
    return "text" if pa.types.is_string(data_type) or pa.types.is_large_string(data_type) else "list"


class Question:
    """An open connection, with what it may still take of the time."""

    def __init__(self, connection: Any, columns: Columns, files: int, ends: float, limits: Limits) -> None:
        self._connection, self._ends, self._limits = connection, ends, limits
        places = ", ".join(f"c{place}" for place in range(len(columns)))
        listed = ", ".join(f"'{address(place)}'" for place in range(files))
        self._rows = f"read_parquet([{listed}]) AS rows({places})"

    def ask(self, query: str, bound: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The answer's rows; `{rows}` in the query stands for those of the run.

        Raises:
            QueryError: if it takes more time or memory than there is.
            DamagedError: if a file changed meanwhile.
        """
        with self._bounded():
            records: list[tuple[Any, ...]] = self._connection.execute(self._of(query), list(bound)).fetchall()
        return records

    def table(self, query: str, bound: Sequence[Any] = ()) -> pa.Table:
        """As `ask`, as a table."""
        with self._bounded():
            return self._connection.sql(self._of(query), params=list(bound)).to_arrow_table()

    def _of(self, query: str) -> str:
        return query.replace("{rows}", self._rows)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        import duckdb

        left = require_time(self._ends, self._limits)
        timer = threading.Timer(left, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        except duckdb.InterruptException:
            raise _too_long(self._limits) from None
        except duckdb.OutOfMemoryException:
            raise QueryError(
                f"the question takes more than {self._limits.memory} of memory; ask for fewer columns or fewer rows"
            ) from None
        except duckdb.Error as error:
            # A file that is damaged in passing says so; what is left is a mistake of ours, told without a trace.
            cause = error.__cause__ or error.__context__
            if isinstance(cause, DamagedError):
                raise cause from None
            raise RunError(f"the rows of this run cannot be read ({brief(error)})") from error
        finally:
            timer.cancel()


@contextmanager
def asking(files: VerifiedFiles, columns: Columns, limits: Limits = LIMITS) -> Iterator[Question]:
    """A connection for one request, once every file is known to be what was written.

    Raises:
        BusyError: if there is no turn for it.
        QueryError: if no time is left once the files were compared.
        DamagedError: if a file is not what was written.
    """
    import duckdb

    with _TURNS.required(limits.waiting, _BUSY):
        ends = time.monotonic() + limits.seconds
        files.verify(lambda: _check_time(ends, limits))
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": limits.memory,
                "threads": limits.threads,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "python_enable_replacements": False,
            },
        )
        try:
            connection.register_filesystem(filesystem_of(files))
            listed = ", ".join(f"'{address(place)}'" for place in range(len(files)))
            connection.execute(f"SET allowed_paths = [{listed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield Question(connection, columns, len(files), ends, limits)
        finally:
            connection.close()


def _check_time(ends: float, limits: Limits) -> None:
    require_time(ends, limits)


def require_time(ends: float, limits: Limits) -> float:
    """Seconds that are left. Raises QueryError if none are."""
    left = ends - time.monotonic()
    if left <= 0:
        raise _too_long(limits)
    return left


def _too_long(limits: Limits) -> QueryError:
    return QueryError(f"the question takes longer than {limits.seconds:g} s; add a condition, or ask again")
