"""The served models' predictions, written into the demo data as a model server would have logged them.

    python include/datasets/predictions.py --data .data/flights

Adds `late_logit` (include/models/flights_torch) and `late_logit_keras` (include/models/flights_keras) to every file of
the dataset; null where a row could not be scored. Computed by the frameworks alone, without ig_tasks: a report's
parity check compares these numbers with what it explains.

Run again, it finds its work done; after a model or the dataset changed, the columns are written anew. Each file is
replaced in one move.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from include.datasets.flights import CATEGORICAL, MARKER, NUMERIC  # noqa: E402

MODELS = {"late_logit": "flights_torch", "late_logit_keras": "flights_keras"}
"""{column: model package under include/models}"""

DONE = "_predictions.json"


def state(data: Path) -> dict[str, str]:
    """What the predictions depend on: the dataset and the packages."""
    found = {"dataset": hashlib.sha256((data / MARKER).read_bytes()).hexdigest()}
    for column, model in MODELS.items():
        digest = hashlib.sha256()
        for file in sorted((ROOT / "include" / "models" / model).iterdir()):
            if file.is_file():
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
        found[column] = digest.hexdigest()
    return found


def is_done(data: Path) -> bool:
    """Whether every file holds the predictions of these models for these rows."""
    try:
        if json.loads((data / DONE).read_text(encoding="utf-8")) != state(data):
            return False
    except (OSError, ValueError):
        return False
    return all(MODELS.keys() <= set(pq.read_schema(file).names) for file in files(data))


def files(data: Path) -> list[Path]:
    return sorted(data.glob("month=*/*.parquet"))


def add(data: Path) -> int:
    """Write the columns; returns the number of rows without a prediction."""
    from include.models.scoring import logits

    (data / DONE).unlink(missing_ok=True)
    tables = [pq.read_table(file, partitioning=None) for file in files(data)]
    tables = [table.drop_columns([name for name in MODELS if name in table.column_names]) for table in tables]
    rows = pa.concat_tables(tables).select([*NUMERIC, *CATEGORICAL]).to_pandas()
    predictions = {}
    for column, model in MODELS.items():
        started = time.monotonic()
        predictions[column] = logits(ROOT / "include" / "models" / model, rows)
        print(f"predictions: {column}: {len(rows):,} rows by {model} in {time.monotonic() - started:.1f} s", flush=True)
    at = 0
    for file, table in zip(files(data), tables, strict=True):
        for column, values in predictions.items():
            part = values[at : at + table.num_rows]
            table = table.append_column(column, pa.array(part, mask=np.isnan(part)))
        at += table.num_rows
        fresh = file.with_name(f".{file.name}.new")
        pq.write_table(table, fresh, compression="zstd")
        fresh.replace(file)
    (data / DONE).write_text(json.dumps(state(data), indent=1) + "\n", encoding="utf-8")
    return int(np.isnan(predictions["late_logit"]).sum())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Predictions of the served models as columns of the demo data")
    parser.add_argument("--data", type=Path, default=Path(".data/flights"), help="the dataset (%(default)s)")
    data: Path = parser.parse_args(arguments).data
    if not (data / MARKER).is_file():
        print(f"predictions: no dataset '{data}'; run python include/datasets/flights.py first", file=sys.stderr)
        return 2
    if is_done(data):
        print(f"predictions: '{data}' has them, nothing to do")
        return 0
    print(f"predictions: scoring '{data}' with {' and '.join(MODELS.values())}", flush=True)
    missing = add(data)
    print(f"predictions: wrote {', '.join(MODELS)}; {missing:,} flights without weather have none")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
