"""Runs with shards as the workers write them, small enough to count by hand."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import Store
from ig_tasks.validation import run_checks


def shard_table(rows, *, start=0, target="late", features=("x", "y"), **columns):
    """Rows that pass every check, but for the `columns` given."""
    table = {
        "row_id": [f"r{start + i}" for i in range(rows)],
        "target": [target] * rows,
        "output": np.linspace(-1.0, 1.0, rows),
        "baseline_output": np.zeros(rows),
        "convergence_delta": np.zeros(rows),
        "relative_delta": np.full(rows, 0.001),
        "error_estimate": np.full(rows, 0.001),
        "evaluations": np.full(rows, 9, dtype=np.int32),
        "status": ["converged"] * rows,
        **{f"attribution:{name}": np.full(rows, 0.5) for name in features},
        **columns,
    }
    return pa.table(table)


@pytest.fixture
def make_table():
    return shard_table


@pytest.fixture
def make_spec():
    def build(validation: Mapping[str, object] | None = None, **data: object) -> ExplanationSpec:
        return ExplanationSpec.model_validate(
            {
                "version": 1,
                "name": "demo",
                "model": "model",
                "data": {"uri": "data", **data},
                "validation": validation or {},
            }
        )

    return build


@pytest.fixture
def run_folder(tmp_path):
    return Store(tmp_path.as_uri()).run("demo", "all-0123456789ab")


@pytest.fixture
def checks_of(run_folder, make_spec):
    """Write tables as shards and judge them: {name: Check}. Counts fit the tables unless given."""

    def judge(*tables, spec=None, quarantined=0, read=None, explained=None, **options):
        shards = [f"attributions/shard-{index:06d}.parquet" for index in range(len(tables))]
        for name, table in zip(shards, tables, strict=True):
            run_folder.write_table(name, table)
        explained = sum(table.num_rows for table in tables) if explained is None else explained
        found = run_checks(
            run_folder,
            spec or make_spec(),
            shards=shards,
            rows_read=explained + quarantined if read is None else read,
            rows_explained=explained,
            rows_quarantined=quarantined,
            **options,
        )
        return {check.name: check for check in found}

    return judge
