"""Sentences on what changed call features what people call them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ig_tasks.validation.drift.change_sentences import sentence, summary
from ig_tasks.validation.drift.states import Limits

LABELS = {"dep_delay": "Departure delay", "temp": "Temperature"}


def row(**changes: Any) -> Any:
    held = {
        "feature": "dep_delay", "growth": 0.5, "alarm": False, "row_cosine": None, "state": "changed", "before": 1.0,
        "after": 1.5, "cause": ("others",), "others": [SimpleNamespace(feature="temp", effect=0.2)], "segment": None,
        "follows_partition": False, "sentence": "",
    }  # fmt: skip
    return SimpleNamespace(**{**held, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Departure delay rose by 50 %, from 1 to 1.5, because of the values of Temperature."),
        ({"state": "unchanged"}, "Departure delay is unchanged within 10 %."),
        ({"state": "small", "growth": -0.25}, "Departure delay fell by 25 %, from 1 to 1.5; that is less than 1 % of"),
        ({"feature": "wind"}, "wind rose by 50 %"),
    ],
)  # fmt: skip
def test_a_feature_is_called_by_its_label_where_it_has_one(changes: dict[str, Any], said: str) -> None:
    assert sentence(row(**changes), Limits(), LABELS).startswith(said)
    assert "dep_delay rose by 50 %" in sentence(row(), Limits())


def test_the_summary_has_labels_too_and_one_more_raises_an_alarm() -> None:
    drift = SimpleNamespace(features=[row(), row(feature="temp", state="cancelled")], alarms=())
    assert summary(drift, LABELS) == (
        "1 of 2 features changed (Departure delay); none raises an alarm. About as important as before, but moved in "
        "opposite ways: Temperature."
    )
    six = SimpleNamespace(features=[], alarms=tuple(row(sentence=f"{place}.") for place in range(6)))
    assert summary(six).endswith("1 more raises an alarm.")
