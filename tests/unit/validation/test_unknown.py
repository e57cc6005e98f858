"""Categories that the model does not know: judged by what the baseline's data had, and by what is spelled alike."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.carriers import write_carriers

from ig_tasks.spec import load_spec
from ig_tasks.stages.plan_facts import facts_of
from ig_tasks.stages.planning import plan_run
from ig_tasks.statistics import UnknownCounts
from ig_tasks.validation import judge_unknown, unknown_checks


@pytest.fixture
def plan_of(tmp_path):
    def plan(own=True, **validation):
        table = pa.table({"carrier": ["AA", "DL"]})
        data = {} if own else {"baseline": {"strategy": "zero", "uri": "../../before"}}
        spec = write_carriers(tmp_path, table, validation=validation, **data)
        (tmp_path / "before").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "before" / "part.parquet")
        planned = plan_run(load_spec(spec))
        return planned.spec, facts_of(planned)

    return plan


def counts(unknown, cells, *, missing=0, alike=0, spelling="ZZ"):
    return {"carrier": UnknownCounts(cells, cells, unknown, missing, alike, {spelling: unknown} if unknown else {})}


def test_every_category_unknown_is_a_warning_that_names_what_was_meant(plan_of):
    found = {"carrier": UnknownCounts(12, 12, 12, 0, 12, {"aa": 8, "dl ": 4})}
    (check,) = unknown_checks(*plan_of(), found, {})
    assert (check.name, check.severity, check.success, check.observed) == ("unknown", "warning", False, 1.0)
    assert check.description.endswith(
        "'carrier': 100 % of 12 rows are of a category that is unknown to the model (at most 5 %): 'aa' (the model "
        "knows 'AA'), 'dl ' (the model knows 'DL')."
    )


def test_everything_known_passes_in_a_sentence(plan_of):
    (check,) = unknown_checks(*plan_of(), counts(0, 500), {})
    assert (check.success, check.observed, check.description) == (True, 0.0, "Every category is known to the model.")


@pytest.mark.parametrize(
    ("unknown", "usual", "passes"),
    [
        # 0.03 + 0.02 + 3 standard errors of two shares of 10,000: 0.0075 at 0.0325
        (570, 300, True),
        (600, 300, False),
        # Nothing before: 0.02 + 3 * 0.0022
        (220, 0, True),
        (300, 0, False),
        # More than half is never usual.
        (6000, 6000, False),
    ],
)
def test_the_threshold_is_what_the_baselines_data_had_and_some_slack(plan_of, unknown, usual, passes):
    (judged,) = judge_unknown(*plan_of(own=False), counts(unknown, 10_000), counts(usual, 10_000))
    assert judged.usual == usual / 10_000
    assert judged.success is passes


def test_a_few_rows_may_differ_by_chance(plan_of):
    (judged,) = judge_unknown(*plan_of(own=False), counts(1, 12), counts(30, 1000))
    assert judged.success
    assert judged.at_most == pytest.approx(0.03 + 0.02 + 3 * (31 / 1012 * 981 / 1012 * (1 / 12 + 1 / 1000)) ** 0.5)


def test_the_runs_own_rows_say_nothing_of_what_is_usual(plan_of):
    (judged,) = judge_unknown(*plan_of(), counts(6, 100), counts(6, 100))
    assert (judged.usual, judged.at_most, judged.success) == (None, 0.05, False)


def test_another_spelling_of_a_known_category_is_never_usual(plan_of):
    found = counts(20, 1000, alike=20, spelling="aa")
    (judged,) = judge_unknown(*plan_of(own=False), found, found)
    assert judged.counts.share < judged.at_most
    assert not judged.success
    (asked,) = judge_unknown(*plan_of(own=False, unknown={"at_most": 0.02}), found, found)
    assert asked.success


def test_a_column_that_went_empty_is_told_as_missing(plan_of):
    found = {"carrier": UnknownCounts(10, 10, 0, 9)}
    (judged,) = judge_unknown(*plan_of(own=False), found, counts(0, 1000, missing=20))
    assert not judged.success
    assert "90 % of 10 rows are of a category that is unknown to the model, 90 % missing" in judged.describe()


def test_threshold_and_severity_are_the_specs(plan_of):
    plan = plan_of(unknown={"at_most": 0.1, "severity": "critical"})
    for unknown, passes in ((10, True), (11, False)):
        (check,) = unknown_checks(*plan, counts(unknown, 100), {})
        assert (check.severity, check.success, check.expected) == ("critical", passes, "at most 0.1")


def test_report_json_holds_shares_and_nearest_spellings(plan_of):
    (judged,) = judge_unknown(*plan_of(), counts(30, 90, missing=15, alike=30, spelling="aa"), {})
    info = judged.info().model_dump(mode="json")
    assert info == {
        "feature": "carrier",
        "cells": 90,
        "unknown": 30,
        "missing": 15,
        "share": 0.5,
        "baseline_share": None,
        "at_most": 0.05,
        "categories": [{"category": "aa", "count": 30, "known": "AA"}],
    }


def test_a_model_that_refuses_unknown_categories_has_no_such_check(tmp_path, plan_of):
    spec, _ = plan_of()
    package = tmp_path / "include" / "models" / "delay" / "model.yaml"
    package.write_text(package.read_text().replace("unknown: 0", "unknown: null"))
    assert unknown_checks(spec, facts_of(plan_run(spec)), {}, {}) == []
