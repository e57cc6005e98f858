"""Rows of attributions in a store, as a run leaves them, without a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from ig_tasks.store import Manifest, RunFolder, Store, digest_of
from ig_tasks.store.report import Report
from ig_tasks.store.runs import revised

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


def of_features(features: Sequence[str], rows: int, target: str = "late", seed: int = 0) -> pd.DataFrame:
    """Rows of these features: the values of the first are numbers, those of the others are texts."""
    draw = np.random.default_rng(seed)
    parts = draw.normal(0.0, 1.0, (rows, len(features)))
    frame = pd.DataFrame(
        {
            "row_id": [str(place) for place in range(rows)],
            "target": target,
            "output": parts.sum(axis=1) - 1.0,
            "baseline_output": -1.0,
            "convergence_delta": 0.0,
            "relative_delta": 0.0,
            "error_estimate": 1e-4,
            "evaluations": np.full(rows, 9, np.int32),
            "status": draw.choice(STATUSES, rows),
            "segment:origin": draw.choice(["JFK", "EWR"], rows),
        }
    )
    for place, name in enumerate(features):
        frame[f"attribution:{name}"] = parts[:, place]
    for place, name in enumerate(features):
        frame[f"input:{name}"] = draw.normal(0, 9, rows).round(1) if not place else draw.choice(["AA", "B6"], rows)
    return frame


def put_run(store: str, report: Report, shards: Sequence[pa.Table | pd.DataFrame]) -> RunFolder:
    """Write a report with its rows and a manifest that knows both, as a run leaves them."""
    run = Store(store).run(report.name, report.run_id)
    _, digests = write_rows(run.uri, shards)
    name, text = revised("report.json", report.revision), report.to_json().encode()
    run.write_bytes(name, text)
    manifest = Manifest(run)
    manifest.begin({"name": report.name, "run_id": report.run_id, "partition": report.partition, "key_parts": {}})
    manifest.record_files({**digests, name: text})
    return run
