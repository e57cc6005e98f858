"""Counts of categories add up."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ig_tasks.errors import RunError
from ig_tasks.statistics import MISSING, CategoryCounts

CELLS = st.lists(st.sampled_from(["UA", "AA", "", "</script>", None]), max_size=30)


def of(cells):
    return CategoryCounts.of(np.array(cells, dtype=object))


def test_counts_and_shares():
    counts = of(["UA", "AA", "UA", None])
    assert counts.counts == {MISSING: 1, "AA": 1, "UA": 2}
    assert (counts.total, counts.share("UA"), counts.share("DL")) == (4, 0.5, 0.0)


def test_the_most_common_first_and_ties_by_name():
    assert of(["b", "a", "c", "c"]).most_common() == [("c", 2), ("a", 1), ("b", 1)]
    assert of(["b", "a", "c", "c"]).most_common(1) == [("c", 2)]


@given(first=CELLS, second=CELLS)
def test_merging_counts_all_rows(first, second):
    assert of(first).merge(of(second)) == of(second).merge(of(first)) == of(first + second)


def test_pandas_missing_values_are_one_category():
    assert CategoryCounts.of(pd.Series(["x", None, float("nan")], dtype="str")).counts == {MISSING: 2, "x": 1}


def test_json_round_trip():
    counts = of(["é", "</script>", None])
    assert CategoryCounts.from_json(json.loads(json.dumps(counts.to_json()))) == counts


def test_no_rows():
    assert of([]).counts == {}
    assert math.isnan(of([]).share("UA"))


def test_a_damaged_file_says_what_to_do():
    with pytest.raises(RunError, match="run again"):
        CategoryCounts.from_json({"counts": ["UA"]})
