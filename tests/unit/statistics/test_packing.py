"""Documents with arrays beside them: the same bits come back, whatever the data's own names are."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ig_tasks.statistics import AttributionSums, CategoryCounts, FeatureStatistics, GroupedStatistics
from ig_tasks.statistics.packing import TEXT, decode, encode

ROWS = 700
RANDOM = np.random.default_rng(5)
VALUES = RANDOM.normal(size=(ROWS, 3)).astype(np.float32).astype(np.float64)
FEATURES = ["floats", "records", "x"]
LEVELS = RANDOM.choice(["floats", "integers", "ü"], size=ROWS)
CLUSTERS = [f"day-{row % 40}" for row in range(ROWS)]

GROUPED = GroupedStatistics.of(VALUES, FEATURES, {"records": LEVELS}, CLUSTERS)
SUMS = AttributionSums.of(
    VALUES, FEATURES, numbers={"floats": np.where(VALUES[:, 0] > 2, np.nan, VALUES[:, 0])}, labels={"records": LEVELS},
    clusters=CLUSTERS,
)  # fmt: skip


@pytest.mark.parametrize(
    "statistics",
    [
        GROUPED,
        SUMS,
        FeatureStatistics.empty(FEATURES),
        FeatureStatistics.of(VALUES[:1], FEATURES),
        GroupedStatistics.of(np.empty((0, 1)), ["floats"]),
    ],
)
def test_binary_documents_give_the_bits_that_text_gives(statistics) -> None:
    again = type(statistics).from_json(decode(*encode(statistics.to_json)))
    assert json.dumps(again.to_json()) == json.dumps(statistics.to_json())
    assert json.dumps(again.merge(again).to_json()) == json.dumps(statistics.merge(statistics).to_json())


def test_names_that_data_give_are_not_taken_for_arrays() -> None:
    counts = CategoryCounts({"floats": 3})
    document = {
        "floats": counts.to_json()["counts"],
        "reasons": {"records": 2},
        "integers": {"integers": 1, "half \ud83d": 2},
    }
    assert decode(*encode(lambda _: document)) == document


def test_special_numbers_keep_their_bits() -> None:
    numbers = np.array([0.0, -0.0, 5e-324, -1e308, np.pi])
    places = np.array([-(2**63), 2**63 - 1, 0])
    back = decode(*encode(lambda packing: {"a": packing.array(numbers), "b": packing.array(places)}))
    assert back["a"].tobytes() == numbers.tobytes()
    assert back["b"].tolist() == places.tolist()


def test_a_document_takes_half_of_what_it_takes_as_text() -> None:
    text = len(json.dumps(GROUPED.to_json(TEXT)))
    _, binary = encode(GROUPED.to_json)
    assert len(binary) < 0.55 * text


def test_content_that_was_cut_off_is_refused() -> None:
    parts, content = encode(GROUPED.to_json)
    with pytest.raises((ValueError, OSError)):
        decode(parts, content[: len(content) // 2])
