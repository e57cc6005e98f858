"""The interpretability score and the headline's facts, of small runs whose factors are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.inline import all_stages, inline
from support.labelled import drawn_rows, logits, write_labelled

from ig_tasks.spec import load_spec
from ig_tasks.store.report import Report

pytestmark = pytest.mark.usefixtures("undrawn")

WEIGHTS = {"a": 1.0, "b": -0.5}


@pytest.fixture(scope="module")
def session():
    with inline() as opened:
        yield opened


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return drawn_rows(4, WEIGHTS, rows=300)


def report_of(spec: Path, session: Any, **settings: Any) -> Report:
    ref = all_stages(load_spec(spec, settings={"partition": "2013-01", **settings}), session)
    return Report.from_json(Path(ref["report_uri"]).read_bytes())


def test_the_score_is_the_product_of_its_three_factors(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    gaps = rows.assign(a=rows["a"].where(np.arange(300) % 30 > 0))  # ten rows cannot be explained
    found = report_of(write_labelled(tmp_path, gaps, WEIGHTS), session).interpretability
    assert found is not None
    assert found.stability is not None
    assert found.coverage == pytest.approx(290 / 300)
    assert found.convergence == 1.0
    assert 0.5 < found.baseline_stability <= 1.0
    assert found.score == pytest.approx(found.coverage * found.convergence * found.baseline_stability)
    assert found.formula == "coverage x convergence x baseline stability"
    assert found.stability.own == "median"
    assert found.baseline_stability == pytest.approx(np.mean([one.overlap for one in found.stability.compared]))


def test_the_table_is_made_once_per_model_and_not_at_all_where_the_spec_says_so(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS)
    report_of(spec, session)
    (table,) = (tmp_path / "runs" / "sum" / "models").glob("baselines-*.json")
    made = table.stat().st_mtime_ns
    report_of(spec, session, **{"report.examples": 1})
    assert table.stat().st_mtime_ns == made
    without = report_of(
        write_labelled(tmp_path / "without", rows, WEIGHTS, verdicts={"unstable": {"rows": 0}}), session
    )
    assert without.interpretability is not None
    assert (without.interpretability.score, without.interpretability.baseline_stability) == (None, None)
    assert without.interpretability.coverage == 1.0


def test_numbers_are_trusted_only_where_integration_and_question_hold(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    sound = report_of(write_labelled(tmp_path / "sound", rows, WEIGHTS), session).headline
    assert sound is not None
    assert (sound.trusted, sound.integration_proven, sound.question_sound) == (True, True, True)
    assert sound.integration == "Integration proven to 1\u00a0%: 300 of 300 rows."
    assert sound.question == "The question (baseline) has no objection: nothing was found against it."
    # From a corner of the data the output is far from neutral: proven, and beside the question.
    baseline = {"strategy": "constant", "value": {"a": 9.0, "b": -9.0, "kind": "red"}}
    odd = report_of(write_labelled(tmp_path / "odd", rows, WEIGHTS, baseline=baseline), session).headline
    assert odd is not None
    assert (odd.trusted, odd.integration_proven, odd.question_sound) == (False, True, False)
    assert odd.question.startswith("The question (baseline) has ")
    assert "outside the data in a" in odd.question
    # Without an error estimate nothing is proven.
    fixed = {"integrator": "midpoint", "steps": 20}
    blind = report_of(write_labelled(tmp_path / "blind", rows, WEIGHTS, attribution=fixed), session).headline
    assert blind is not None
    assert (blind.trusted, blind.integration_proven) == (False, False)


def test_few_rows_or_clusters_are_said_once(rows: pd.DataFrame, session: Any, tmp_path: Path) -> None:
    few = report_of(write_labelled(tmp_path, rows[:120], WEIGHTS), session)
    (one,) = [verdict for verdict in few.verdicts if verdict.verdict == "low_data"]
    assert (one.feature, one.figure, one.threshold) == ("", 120.0, 250.0)
    days = report_of(write_labelled(tmp_path / "days", rows.assign(day=rows["day"].str[-1]), WEIGHTS), session)
    assert [verdict for verdict in days.verdicts if verdict.verdict == "low_data"] == []
    four = rows.assign(day=(np.arange(300) % 4).astype(str))
    held = report_of(write_labelled(tmp_path / "four", four, WEIGHTS), session)
    assert [(one.figure, one.threshold) for one in held.verdicts if one.verdict == "low_data"] == [(4.0, 10.0)]


def test_a_value_that_gained_rows_is_named_though_it_shows_in_no_importance(
    rows: pd.DataFrame, session: Any, tmp_path: Path
) -> None:
    spec = write_labelled(tmp_path, rows, WEIGHTS)
    median = float(np.median(rows["a"]))
    later = drawn_rows(5, WEIGHTS, rows=300)
    later = later.assign(a=later["a"].where(np.arange(300) % 5 > 0, median).astype(np.float32))
    (tmp_path / "data" / "month=2013-02").mkdir()
    later.to_parquet(tmp_path / "data" / "month=2013-02" / "part-0.parquet", index=False)
    baseline = {"baseline": {"strategy": "median", "partition": "2013-01"}}
    report_of(spec, session, **baseline)
    report = report_of(spec, session, **baseline, partition="2013-02")
    (one,) = [verdict for verdict in report.verdicts if verdict.verdict == "value_gained"]
    assert one.feature == "a"
    assert one.figure == pytest.approx(0.2, abs=0.01)
    assert logits(later, WEIGHTS).std() > 0


@pytest.mark.parametrize("count", [1, 19])
def test_a_question_that_too_few_rows_were_asked_is_not_called_sound(
    rows: pd.DataFrame, session: Any, tmp_path: Path, count: int
) -> None:
    few = report_of(write_labelled(tmp_path, rows[:count], WEIGHTS), session)
    assert few.headline is not None
    assert (few.headline.trusted, few.headline.integration_proven, few.headline.question_sound) == (False, True, False)
    assert few.headline.question == "The question (baseline) was not examined: 20 rows are needed."
    assert few.interpretability is not None
    if count == 1:  # the row is its own median: nothing is explained, so nothing can be compared
        assert few.interpretability.score is None
        assert {one.verdict for one in few.verdicts} == {"low_data"}
