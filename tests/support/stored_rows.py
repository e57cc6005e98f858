"""Rows of attributions in a store, as a run leaves them, without a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from ig_tasks.store import RunFolder, digest_of

STATUSES = ("converged", "converged", "unverified", "max_evaluations")


def flights(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows of two features, `delay` (a number, with gaps) and `carrier`, of two targets each."""
    draw = np.random.default_rng(seed)
    delay = draw.normal(10.0, 30.0, rows).round(1)
    delay[draw.random(rows) < 0.1] = np.nan
    carrier = draw.choice(["AA", "B6", "Ünited", "it's"], rows)
    parts = []
    for target, sign in (("late", 1.0), ("very_late", -1.0)):
        attributions = draw.normal(0.0, 1.0, (rows, 2))
        parts.append(
            pd.DataFrame(
                {
                    "row_id": [f"{seed}-{place}" for place in range(rows)],
                    "target": target,
                    "output": sign * draw.normal(0.0, 2.0, rows).round(2),
                    "baseline_output": -1.0,
                    "convergence_delta": draw.normal(0.0, 1e-6, rows),
                    "relative_delta": 0.0,
                    "error_estimate": np.where(draw.random(rows) < 0.2, np.nan, 1e-4),
                    "evaluations": draw.choice([5, 9, 17], rows).astype(np.int32),
                    "status": draw.choice(STATUSES, rows),
                    "segment:origin": draw.choice(["JFK", "EWR"], rows),
                    "attribution:delay": attributions[:, 0],
                    "attribution:carrier": attributions[:, 1],
                    "input:delay": delay,
                    "input:carrier": carrier,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_rows(uri: str, shards: Sequence[pa.Table | pd.DataFrame]) -> tuple[RunFolder, dict[str, str]]:
    """Write a shard of each table; the run's folder, and the digests that its manifest would hold."""
    folder = RunFolder(uri, "flights", uri.rstrip("/").rsplit("/", 1)[-1])
    digests = {}
    for place, held in enumerate(shards):
        table = pa.Table.from_pandas(held, preserve_index=False) if isinstance(held, pd.DataFrame) else held
        name = f"attributions/shard-{place:06d}.parquet"
        digests[name] = digest_of(folder.write_table(name, table))
    return folder, digests
