"""The baseline doctor's table: how much of the importance stays, and which features hang on the baseline."""

from __future__ import annotations

from typing import Any

import pytest

from ig_tasks.spec.verdicts_section import VerdictsSpec
from ig_tasks.validation.verdicts.baselines import BaselineTable, unstable_verdicts


def document(own: str = "auto", **sizes: Any) -> dict[str, Any]:
    """A table of candidates {name: sizes, or (sizes, problem)}."""
    candidates = [
        {"name": name, "abs_mean": list(held[0]), "output": 0.0, "problems": {held[1]: "words"}}
        if isinstance(held, tuple)
        else {"name": name, "abs_mean": held, "output": 0.0, "problems": {}}
        for name, held in sizes.items()
    ]
    return {"own": own, "space": "logit", "rows": 100, "features": ["a", "b", "c"], "candidates": candidates}


def test_stability_is_the_mean_overlap_with_sound_baselines() -> None:
    table = BaselineTable.of(document(auto=[5, 3, 2], mean=[10, 8, 2], mode=[0, 0, 1], zero=([1, 0, 0], "outside")))
    found = table.stability()
    overlaps = {one.name: one.overlap for one in found.compared}
    assert overlaps == {"mean": pytest.approx(0.5 + 0.3 + 0.1), "mode": pytest.approx(0.2)}
    assert found.value == pytest.approx((0.9 + 0.2) / 2)
    assert (found.own, found.rows, found.why_not) == ("auto", 100, "")


def test_where_something_speaks_against_all_others_all_are_compared() -> None:
    table = BaselineTable.of(document(auto=[1, 1, 0], mean=([1, 0, 0], "sure"), zero=([1, 1, 0], "outside")))
    assert table.stability().value == pytest.approx(0.5)  # that of zero is the same to the last bit, and proves nothing


def test_a_feature_whose_share_doubles_hangs_on_the_baseline() -> None:
    table = BaselineTable.of(document(auto=[60, 39.5, 0.5], mean=[30, 69.8, 0.2], mode=[59, 40.5, 0.5]))
    (one, *others) = unstable_verdicts("t", table, VerdictsSpec.model_validate({"unstable": {"at_least": 0.6}}))
    assert (one.feature, one.verdict, others) == ("a", "unstable", [])
    assert one.figure == pytest.approx(0.3 / 0.45)
    assert "60.0 % of all importance from auto, 30.0 % from mean (on 100 rows)" in one.why
    assert list(unstable_verdicts("t", table, VerdictsSpec())) == []


def test_what_could_not_be_made_is_said() -> None:
    for held, why in (
        ({"why_not": "ModelError: it fails"}, "ModelError: it fails"),
        (document(auto=[1, 1, 1]), "there is no other baseline to compare with"),
        (document(own="table", auto=[1, 1, 1]), "baseline table could not be tried"),
    ):
        table = BaselineTable.of(held)
        assert (table.stability().value, table.stability().why_not) == (None, why)
        assert list(unstable_verdicts("t", table, VerdictsSpec())) == []


def test_a_baseline_that_rows_do_not_differ_from_has_no_shares_to_compare() -> None:
    """A run of one row has its own median for a baseline: nothing is explained, and nothing is unstable."""
    table = BaselineTable.of(document(auto=[0, 0, None], zero=[3, 2, 1]))
    assert table.stability().value is None
    assert table.stability().why_not == "no row that was tried differs from baseline auto"
    assert list(unstable_verdicts("t", table, VerdictsSpec())) == []
