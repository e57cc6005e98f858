"""A small data set as one Parquet file a part, `<column>=<part>/part-0.parquet`, written once and in one move."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MARKER = "_dataset.json"
"""What was written, beside the parts; Parquet readers skip names that begin with an underscore."""

SPLIT = "split"
"""The partition: `train`, on which models are trained and baselines fitted, and `test`."""


def held_out(rows: int, seed: int = 0) -> np.ndarray:
    """(rows,) of "train" and "test": one row of five, drawn at random, is held out."""
    order = np.random.default_rng(seed).permutation(rows)
    return np.where(order % 5 == 0, "test", "train")


def recipe(scripts: Iterable[Path]) -> str:
    """What a data set was made by: it is made anew when one of these files changes."""
    return hashlib.sha256(b"\0".join(script.read_bytes() for script in scripts)).hexdigest()


def is_done(to: Path, made_by: str) -> bool:
    """Whether `to` holds the data set of this recipe, every row of it."""
    try:
        marker = json.loads((to / MARKER).read_text(encoding="utf-8"))
        rows = {file: pq.read_metadata(to / file).num_rows for file in marker["rows"]}
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return False
    return bool(marker["recipe"] == made_by and marker["rows"] == rows)


def is_foreign(to: Path) -> bool:
    """Whether `to` holds files that no script of this folder wrote."""
    return to.exists() and not (to / MARKER).is_file() and any(to.iterdir())


def write(data: pd.DataFrame, schema: pa.Schema, to: Path, *, made_by: str, source: str) -> None:
    """Write the columns of `schema` into a folder beside `to`, one file for each `SPLIT`, then put it in its place."""
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    rows: dict[str, int] = {}
    try:
        for part, frame in data.groupby(SPLIT, sort=True):
            file = f"{SPLIT}={part}/part-0.parquet"
            (fresh / file).parent.mkdir()
            table = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata()
            pq.write_table(table, fresh / file, compression="zstd")
            rows[file] = len(frame)
        marker = {"recipe": made_by, "source": source, "rows": rows}
        (fresh / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        if to.exists():
            shutil.rmtree(to)
        fresh.rename(to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
