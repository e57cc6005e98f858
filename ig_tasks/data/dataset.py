"""A data set: Parquet files below a URI, in hive partitions or not, on any filesystem fsspec knows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from ig_tasks.data.arrow import plain_type
from ig_tasks.data.stamps import require_same, stamp_of, version_of
from ig_tasks.errors import DataError, PartitionError, suggest
from ig_tasks.spec import select_partitions
from ig_tasks.spec.partitions import partition_order

POSITION = "__position__"
"""The column of each row's file and number, which `read_shard` adds."""

_TABLES = ("csv", "tsv", "txt", "json", "jsonl", "feather", "arrow", "orc", "xlsx", "pkl", "pq", "parq")
_CONVERT = "write the table as .parquet, for instance with pandas: pd.read_csv(...).to_parquet(...)"


@dataclass(frozen=True)
class DataFile:
    """One Parquet file: its path in its filesystem, its name below the data set's URI, its hive keys, its rows.

    stamp: what the filesystem said of its version before it was first read (see `stamps`).
    """

    path: str
    name: str
    keys: tuple[tuple[str, str], ...]
    rows: int
    stamp: str | None = None


class Dataset:
    """The Parquet files of a data set, found once; nothing but footers is read until rows are asked for.

    Args:
        uri: a folder or one file.
        partition: the hive key that divides the data (`month` for folders month=2013-01), or None.
        field: what messages call `uri`.

    Raises:
        DataError: if there are no Parquet files, or none has the partition's key.
    """

    def __init__(self, uri: str, partition: str | None = None, *, field: str = "data.uri") -> None:
        self.uri = uri.rstrip("/")
        self._field = field
        self._read: dict[str, tuple[int, tuple[str, ...]]] = {}
        self._stamps: dict[str, str] = {}  # from before a file was first read: what is read later is compared with it
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}  # files that are alike share them
        self.partition = partition
        self.versions: dict[str, str] = {}
        """{path: version} of the files that were digested."""
        try:
            self.filesystem, self._root = fsspec.core.url_to_fs(self.uri)
            self.filesystem.invalidate_cache()  # a process that lives long is to see what is there now
            self._paths = _parquet_paths(self.filesystem, self._root)
        except (ImportError, ValueError, OSError) as error:
            raise DataError(f"{field} {uri!r}: cannot be opened ({error})") from None
        if not self._paths:
            raise DataError(f"{field} {uri!r}: there are no Parquet files; {self._remedy()}")
        if partition is not None and not any(partition in dict(self._keys(path)) for path in self._paths):
            keys = sorted({key for path in self._paths for key, _ in self._keys(path)})
            raise DataError(
                f"data.partition {partition!r}: no folder {partition}=<value> below {uri}"
                + suggest(partition, keys, noun="partition keys")
            )

    @cached_property
    def partitions(self) -> list[str]:
        """The values of the partition's key in their order (`partition_order`); empty if the data is not divided."""
        if self.partition is None:
            return []
        values = (dict(self._keys(path)).get(self.partition) for path in self._paths)
        return sorted({value for value in values if value is not None}, key=partition_order)

    @cached_property
    def columns(self) -> dict[str, pa.DataType]:
        """The columns of the first file that has rows, and the hive keys, with their types."""
        fields: dict[str, pa.DataType] = {}
        for field in self._footer(self._first_file_with_rows).schema.to_arrow_schema():
            fields.setdefault(field.name, field.type)
        return fields | {key: pa.string() for key, _ in self._keys(self._first_file_with_rows) if key not in fields}

    def files(self, partition: str | None = None) -> list[DataFile]:
        """The files of a partition expression, in the order of their names, with their numbers of rows.

        Raises:
            PartitionError: if the partition is absent or empty, listing those present.
            DataError: if a file cannot be read as Parquet.
        """
        paths = self._paths
        if self.partition is not None:
            chosen = set(select_partitions(partition, self.partitions))
            paths = [path for path in paths if dict(self._keys(path)).get(self.partition) in chosen]
        elif partition not in (None, "all"):
            raise PartitionError(
                f"partition {partition!r}: the data is not divided; name the column of its folders in data.partition"
            )
        files = [self._file(path) for path in paths]
        if not sum(file.rows for file in files):
            raise PartitionError(
                f"partition {partition or 'all'!r} of {self.uri} has no rows; choose a partition that has some"
            )
        return files

    def require_columns(self, wanted: Sequence[tuple[str, str]], *, lists: bool = False) -> None:
        """Refuse names that are no columns of plain values; `wanted` is (column, where the name was given).

        Args:
            lists: whether columns of lists or structures will do as well.

        Raises:
            DataError: for the first that is absent, or holds lists or structures where they will not do.
        """
        for column, where in wanted:
            if column == POSITION:
                raise DataError(f"{where}: {column!r} is what rows' places are called here; rename the column")
            if column not in self.columns:
                raise DataError(
                    f"{where}: {column!r} is not a column of {self.uri}" + suggest(column, self.columns, noun="columns")
                )
            if pa.types.is_nested(self.columns[column]) and not lists:
                kind = self.columns[column]
                raise DataError(f"{where}: column {column!r} of {self.uri} holds {kind}; name a column of plain values")

    def require_in_all(self, files: Sequence[DataFile], columns: Sequence[str]) -> None:
        """Refuse files with rows that lack one of the columns, or have it twice.

        Raises:
            DataError: naming the first such file and column.
        """
        for file in files:
            if file.rows:
                keys = dict(file.keys)
                stored = [column for column in columns if column not in keys]
                require_once(file.name, self._contents(file.path)[1], stored, field=self._field)

    def require_number(self, column: str, where: str) -> None:
        """Refuse a column that does not hold numbers.

        Raises:
            DataError: naming where the column was given.
        """
        kind = self.columns[column]
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            contents = "text" if plain_type(kind) in (pa.string(), pa.large_string()) else f"{kind} values"
            raise DataError(f"{where}: column {column!r} holds {contents}, and numbers are needed; convert it")

    def digest(self, files: Sequence[DataFile]) -> str:
        """`sha256:<hex>` over names and contents; of a remote file, what its store says of its version.

        Raises:
            DataError: if a file is not the one that it was when it was found.
        """
        total = hashlib.sha256()
        for file in files:
            version = version_of(self.filesystem, file.path)
            require_same(self.filesystem, file.path, file.stamp, None)
            self.versions[file.path] = version
            total.update(f"{file.name}\0{version}\n".encode())
        return f"sha256:{total.hexdigest()}"

    def _file(self, path: str) -> DataFile:
        rows, _ = self._contents(path)
        return DataFile(path, self._name(path), self._keys(path), rows, self._stamps.get(path, ""))

    @cached_property
    def _first_file_with_rows(self) -> str:
        """The first file that has rows: a writer may leave the types of an empty one open."""
        return next((path for path in self._paths if self._contents(path)[0]), self._paths[0])

    def _contents(self, path: str) -> tuple[int, tuple[str, ...]]:
        """Rows and columns of a file, read once."""
        if path not in self._read:
            with suppress(OSError):  # that a file cannot be read is said by its footer
                self._stamps[path] = stamp_of(self.filesystem, path)
            footer = self._footer(path)
            names = tuple(footer.schema.to_arrow_schema().names)
            self._read[path] = footer.num_rows, self._names.setdefault(names, names)
        return self._read[path]

    def _footer(self, path: str) -> Any:
        try:
            with self.filesystem.open(path, "rb") as handle:
                return pq.read_metadata(handle)
        except (pa.ArrowInvalid, OSError) as error:
            reason = f"is no Parquet file; {_CONVERT}"
            if "magic bytes" not in str(error):
                reason = f"cannot be read as Parquet ({error})"
            raise DataError(f"{self._field}: {path} {reason}") from None

    def _remedy(self) -> str:
        """What to do where there is no Parquet file: other tables are named."""
        others = sorted(str(path) for path in self.filesystem.find(self._root))
        other = next((path for path in others if path.lower().split(".")[-1] in _TABLES), None)
        return f"it holds {self._name(other)}; {_CONVERT}" if other else "check the path, or prepare the data first"

    def _name(self, path: str) -> str:
        return path.removeprefix(self._root).lstrip("/") or path.rsplit("/", 1)[-1]

    def _keys(self, path: str) -> tuple[tuple[str, str], ...]:
        folders = self._name(path).split("/")[:-1]
        pairs = (folder.partition("=") for folder in folders if "=" in folder)
        return tuple((key, unquote(value)) for key, _, value in pairs)


def require_once(file: str, names: Sequence[str], columns: Sequence[str], *, field: str = "data.uri") -> None:
    """Refuse a file, by its columns' `names`, that does not have each of `columns` once.

    Raises:
        DataError: naming the file and the column.
    """
    times = Counter(names)
    for column in columns:
        if not times[column]:
            raise DataError(f"{field}: {file} has no column {column!r}, which other files have; correct the file")
        if times[column] > 1:
            raise DataError(
                f"{field}: {file} has {times[column]} columns called {column!r}, and one is read; write "
                "the file with one of them"
            )


def _parquet_paths(filesystem: Any, root: str) -> list[str]:
    if filesystem.isfile(root):
        return [root]
    paths = (str(path) for path in filesystem.find(root))
    return sorted(
        path for path in paths if path.lower().endswith(".parquet") and not _is_hidden(path.removeprefix(root))
    )


def _is_hidden(name: str) -> bool:
    """Names that start with a dot or an underscore are a writer's own, by the custom of Spark and Dask."""
    return any(part.startswith((".", "_")) for part in name.strip("/").split("/"))
