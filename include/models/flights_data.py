"""The flights as a model server sees them: raw columns into the arrays of a model package.

Written without ig_tasks on purpose. The stored predictions (include/datasets/predictions.py) come from here, so that
comparing them with what ig-tasks computes compares two independent ways of reading a model package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from include.datasets.flights import CATEGORICAL, NUMERIC

WIDTHS = {
    "carrier": 8,
    "origin": 4,
    "dest": 8,
    "tailnum": 16,
    "dep_hour": 8,
    "month_of_year": 4,
    "weekday": 4,
    "manufacturer": 4,
}
"""{categorical column: width of its embedding}"""

LABEL = "late"
TRAIN = ("2013-01", "2013-09")
TEST = ("2013-10", "2013-12")

Arrays = dict[str, np.ndarray]


def read(root: Path, months: tuple[str, str]) -> pd.DataFrame:
    """The flights of the months `first` to `last`, both included, in the order of the files."""
    first, last = months
    month = ds.field("month")
    dataset = ds.dataset(root, format="parquet", partitioning="hive")
    columns = [LABEL, *NUMERIC, *CATEGORICAL]
    frame: pd.DataFrame = dataset.to_table(columns, filter=(month >= first) & (month <= last)).to_pandas()
    return frame


def vocabularies(frame: pd.DataFrame, at_least: int = 20) -> dict[str, list[str]]:
    """{column: its categories, sorted}; those of fewer rows stand under the unknown id with all that is new."""
    counts = {name: frame[name].value_counts() for name in CATEGORICAL}
    return {name: sorted(count.index[count >= at_least]) for name, count in counts.items()}


def scorable(frame: pd.DataFrame) -> np.ndarray:
    """bool (rows,): whether every number is there; categories can always be scored."""
    return np.asarray(frame[NUMERIC].notna().all(axis=1))


def arrays(frame: pd.DataFrame, vocabulary: Mapping[str, Sequence[str]]) -> Arrays:
    """{"numeric": float32 (rows, numbers), category: int64 (rows,)}; id 0 is unknown, id k the k-th category."""
    numeric = frame[NUMERIC].to_numpy(dtype=np.float32)
    ids = {
        name: pd.Index(list(categories)).get_indexer(pd.Index(frame[name])).astype(np.int64) + 1
        for name, categories in vocabulary.items()
    }
    return {"numeric": numeric, **ids}


def area_under_curve(label: np.ndarray, score: np.ndarray) -> float:
    """The chance that a late flight scores above one in time (Mann-Whitney), ties counting half."""
    ranks = pd.Series(score).rank().to_numpy()
    late = label.astype(bool)
    positives, negatives = int(late.sum()), int((~late).sum())
    return float((ranks[late].sum() - positives * (positives + 1) / 2) / (positives * negatives))
