"""Each check passes at its threshold, fails beyond it, and for its own reason."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from ig_tasks.errors import CheckBrokenError
from ig_tasks.validation import run_checks, suites

ALL = ["completeness", "converged", "quarantined", "attributions_finite", "row_ids_unique", "rows_complete"]


def failed(checks):
    return [name for name, check in checks.items() if not check.success]


def deltas(rows, beyond):
    """`beyond` rows just beyond the tolerance of 0.01, the others exactly at it."""
    return np.r_[np.full(rows - beyond, 0.01), np.full(beyond, np.nextafter(0.01, 1))]


def statuses(rows, unconverged):
    return ["converged"] * (rows - unconverged) + ["max_evaluations"] * unconverged


def test_a_good_run_passes_every_check_in_order(checks_of, make_table):
    checks = checks_of(make_table(100))
    assert list(checks) == ALL
    assert failed(checks) == []
    assert [check.severity for check in checks.values()] == ["critical", "warning", *["critical"] * 4]


@pytest.mark.parametrize(("beyond", "passes"), [(0, True), (1, True), (2, False)])
def test_completeness_at_the_boundary(checks_of, make_table, beyond, passes):
    checks = checks_of(make_table(100, relative_delta=deltas(100, beyond)))
    assert failed(checks) == ([] if passes else ["completeness"])
    assert checks["completeness"].observed == (100 - beyond) / 100
    assert checks["completeness"].expected == "at least 0.99"


@pytest.mark.parametrize("bad", [np.nan, None, np.inf])
def test_a_relative_delta_that_is_not_known_does_not_pass(checks_of, make_table, bad):
    checks = checks_of(make_table(50, relative_delta=pa.array([bad] + [0.0] * 49)))
    assert failed(checks) == ["completeness"]
    assert checks["completeness"].observed == 0.98


def test_completeness_has_a_tolerance_of_its_own_when_given(checks_of, make_table, make_spec):
    table = make_table(10, relative_delta=np.full(10, 0.05))
    assert failed(checks_of(table)) == ["completeness"]
    spec = make_spec({"completeness": {"within": 0.05, "severity": "warning"}})
    checks = checks_of(table, spec=spec)
    assert failed(checks) == []
    assert checks["completeness"].severity == "warning"


@pytest.mark.parametrize(("unconverged", "passes"), [(5, True), (6, False)])
def test_converged_at_the_boundary(checks_of, make_table, unconverged, passes):
    checks = checks_of(make_table(100, status=statuses(100, unconverged)))
    assert failed(checks) == ([] if passes else ["converged"])
    assert checks["converged"].observed == (100 - unconverged) / 100


def test_unverified_rows_are_not_converged_and_are_told_from_those_that_fell_short(checks_of, make_table):
    rows = ["converged"] * 90 + ["unverified"] * 7 + ["max_evaluations"] * 3
    check = checks_of(make_table(100, status=rows))["converged"]
    assert (check.success, check.observed) == (False, 0.9)
    assert check.description.endswith("all but 10 of 100 (3 did not, 7 unverified).")
    assert check.remedy.startswith("Set attribution.integrator: auto and leave attribution.steps out: ")
    assert "Raise attribution.max_evaluations" in check.remedy
    check = checks_of(make_table(100, status=["unverified"] * 100))["converged"]
    assert (check.success, check.observed) == (False, 0.0)
    assert "max_evaluations" not in check.remedy


def test_each_check_tells_its_own_numbers(checks_of, make_table, make_spec):
    both = [make_table(6, target="late", prediction=np.linspace(-1.0, 1.0, 6)), make_table(6, target="cancelled")]
    both[1] = both[1].append_column("prediction", pa.array([None] * 6, pa.float64()))
    checks = checks_of(*both, explained=6, quarantined=2, spec=make_spec(prediction="score"))
    told = {name: check.description for name, check in checks.items()}
    assert told["converged"] == "Share of rows whose integration reached the tolerance asked for: all 12."
    assert told["quarantined"] == "Share of the rows read that could not be explained: 2 of 8."
    assert told["attributions_finite"] == "Rows with an attribution that is null or not finite, of 12."
    assert told["row_ids_unique"] == "Rows without an id, or with the id of another row of the same target."
    assert told["rows_complete"] == (
        "Rows unaccounted for: 8 read, 6 explained, 2 quarantined, 12 in the shards for 2 targets."
    )
    assert told["parity"] == (
        "Share of rows whose output equals the stored prediction within 0.001 x (1 + |prediction|): all 6; the largest "
        "difference is 0 of that measure, in row 'r0' (-1, stored -1). 6 rows without a stored prediction were not "
        "compared."
    )


@pytest.mark.parametrize(("quarantined", "passes"), [(5, True), (6, False)])
def test_quarantined_at_the_boundary(checks_of, make_table, quarantined, passes):
    checks = checks_of(make_table(100 - quarantined), quarantined=quarantined)
    assert failed(checks) == ([] if passes else ["quarantined"])
    assert checks["quarantined"].observed == quarantined / 100
    assert checks["quarantined"].expected == "at most 0.05"


@pytest.mark.parametrize("bad", [None, np.nan, -np.inf])
def test_one_attribution_that_is_not_finite_fails(checks_of, make_table, bad):
    table = make_table(30, **{"attribution:y": pa.array([0.1] * 29 + [bad])})
    checks = checks_of(table)
    assert failed(checks) == ["attributions_finite"]
    assert checks["attributions_finite"].observed == 1


def test_a_row_in_two_shards_fails_and_is_named(checks_of, make_table):
    checks = checks_of(make_table(10), make_table(10, start=9))
    assert failed(checks) == ["row_ids_unique"]
    assert checks["row_ids_unique"].observed == 1
    assert "'r9'" in checks["row_ids_unique"].description


@pytest.mark.parametrize(
    ("counts", "unaccounted"),
    [
        ({"explained": 10, "read": 11}, 1),
        ({"explained": 12, "read": 12}, 2),
        ({"explained": 9, "read": 9}, 1),
        ({"explained": 10, "read": 10, "quarantined": 0}, 0),
    ],
)
def test_every_row_is_accounted_for(checks_of, make_table, counts, unaccounted):
    checks = checks_of(make_table(10), **counts)
    assert failed(checks) == (["rows_complete"] if unaccounted else [])
    assert checks["rows_complete"].observed == unaccounted


def test_every_target_has_every_row(checks_of, make_table):
    both = [make_table(10, target="late"), make_table(10, target="cancelled")]
    assert failed(checks_of(*both, explained=10)) == []
    uneven = [make_table(11, target="late"), make_table(9, target="cancelled")]
    assert failed(checks_of(*uneven, explained=10)) == ["rows_complete"]


@pytest.mark.parametrize(("difference", "passes"), [(1e-3, True), (np.nextafter(1e-3, 1), False), (np.nan, False)])
def test_parity_at_the_boundary(checks_of, make_table, make_spec, difference, passes):
    output = np.zeros(20)
    output[7] = difference
    table = make_table(20, output=output, prediction=np.zeros(20))
    checks = checks_of(table, spec=make_spec(prediction="score"))
    assert list(checks) == [*ALL, "parity"]
    assert failed(checks) == ([] if passes else ["parity"])
    assert checks["parity"].observed == (1.0 if passes else 0.95)


def test_parity_allows_the_share_that_the_spec_allows(checks_of, make_table, make_spec):
    table = make_table(20, output=np.r_[np.ones(1), np.zeros(19)], prediction=np.zeros(20))
    spec = make_spec({"parity": {"mostly": 0.95, "severity": "warning"}}, prediction="score")
    assert failed(checks_of(table, spec=spec)) == []


def test_rows_without_prediction_are_counted_and_said_and_do_not_fail(checks_of, make_table, make_spec):
    table = make_table(4, output=np.zeros(4), prediction=pa.array([0.0, None, None, 0.0]))
    parity = checks_of(table, spec=make_spec(prediction="score"))["parity"]
    assert (parity.success, parity.observed) == (True, 1.0)
    assert "2 rows without a stored prediction were not compared" in parity.description
    table = make_table(4, prediction=pa.array([None] * 4, pa.float64()))
    parity = checks_of(table, spec=make_spec(prediction="score"))["parity"]
    assert (parity.success, parity.observed) == (True, None)


def test_parity_is_not_judged_where_the_spec_names_no_prediction(checks_of, make_table):
    assert list(checks_of(make_table(4, prediction=np.full(4, 99.0)))) == ALL


def test_nothing_explained_is_not_good(checks_of, make_table):
    for tables in ([], [make_table(0)]):
        checks = checks_of(*tables, quarantined=3)
        assert failed(checks) == ["completeness", "converged", "quarantined"]
        assert checks["completeness"].observed is None


def test_rows_that_are_in_no_shard_are_missed(checks_of, make_table):
    for tables in ([], [make_table(0)]):
        checks = checks_of(*tables, explained=5, read=5)
        assert "rows_complete" in failed(checks)
        assert checks["rows_complete"].observed == 5


def test_chunks_and_shards_do_not_change_the_result(checks_of, make_table, make_spec):
    rng = np.random.default_rng(0)
    columns = {
        "relative_delta": np.where(rng.random(400) < 0.03, 0.5, 0.001),
        "status": np.where(rng.random(400) < 0.1, "max_evaluations", "converged"),
        "prediction": np.where(rng.random(400) < 0.2, np.nan, np.linspace(-1, 1, 400)),
        "attribution:x": np.where(rng.random(400) < 0.02, np.nan, 0.1),
    }
    table, spec = make_table(400, **columns), make_spec(prediction="score")
    whole = checks_of(table, spec=spec)
    parts = [table.slice(0, 1), table.slice(1, 250), table.slice(251, 149)]
    assert checks_of(*parts, spec=spec, chunk_rows=60) == whole
    assert failed(whole) == ["completeness", "converged", "attributions_finite"]


def test_a_missing_column_is_an_error_not_a_failed_check(checks_of, make_table):
    with pytest.raises(CheckBrokenError, match="relative_delta"):
        checks_of(make_table(5).drop_columns("relative_delta"))


def test_a_check_that_great_expectations_cannot_make_is_an_error(checks_of, make_table, monkeypatch):
    of_totals = suites.of_totals
    monkeypatch.setattr(suites, "of_totals", lambda spec: [replace(each, column="gone") for each in of_totals(spec)])
    with pytest.raises(CheckBrokenError, match="could not be carried out"):
        checks_of(make_table(5))


def test_names_of_features_do_not_reach_great_expectations(checks_of, make_table, monkeypatch):
    from ig_tasks.validation.expectations import Suite

    seen = set()
    evaluate = Suite.evaluate
    monkeypatch.setattr(Suite, "evaluate", lambda self, frame: seen.update(frame.columns) or evaluate(self, frame))
    checks = checks_of(make_table(5, features=("</script><script>alert(1)</script>", "a.b/c")))
    assert failed(checks) == []
    assert seen == {
        "relative_delta", "status", "attributions_finite", "quarantined_share", "duplicate_rows", "unaccounted_rows",
    }  # fmt: skip
    assert "alert" not in json.dumps([check.model_dump() for check in checks.values()])


def test_great_expectations_is_not_imported_before_a_check_runs():
    code = "import sys, ig_tasks.validation; print({'great_expectations', 'duckdb'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_observed_values_and_remedies_are_told(run_folder, make_spec, make_table):
    run_folder.write_table("attributions/a.parquet", make_table(8))
    found = run_checks(
        run_folder, make_spec(), shards=["attributions/a.parquet"], rows_read=8, rows_explained=8, rows_quarantined=0
    )
    assert all(check.description.endswith(".") and check.remedy for check in found)
    assert all(isinstance(check.observed, (int, float)) for check in found)
