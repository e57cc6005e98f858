"""latest.json names the published run with the greatest partition, then time; it never moves back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ig_tasks.errors import ReportError
from ig_tasks.store import Store
from ig_tasks.store.report import Report
from ig_tasks.store.runs import locate_report, revised

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def report(partition: str, hours: int = 0, revision: int = 1, **changes: object) -> Report:
    document = {
        "schema_version": "1.0", "state": "published", "name": "flights", "run_id": f"{partition}-0",
        "revision": revision, "partition": partition, "created_at": DAY + timedelta(hours=hours),
        "model": {"uri": "m", "framework": "torch", "digest": "d", "version": "1", "owner": "o"},
        "data": {"uri": "d", "digest": "d", "rows_available": 1, "rows_read": 1, "rows_explained": 1,
                 "rows_unconverged": 0, "rows_quarantined": 0, "quarantine_reasons": {}},
        "baseline": {"strategy": "auto", "digest": "d", "output": 0.0}, "targets": [{"name": "late", "space": "logit"}],
        "attribution": {"method": "integrated_gradients", "integrator": "auto", "tolerance": 0.01,
                        "evaluations_per_row": 5.0, "seed": 0},
        "completeness": {"max_relative_delta": 0.0, "mean_relative_delta": 0.0, "converged_fraction": 1.0},
        "importance": [], "segments": [], "checks": [], "verdicts": [], "drift": None, "provenance": {}, "timing": {},
    }  # fmt: skip
    return Report.model_validate({**document, **changes})


def published(store: Store, written: Report) -> bool:
    run = store.run("flights", written.run_id)
    run.write_text(revised("report.json", written.revision), written.to_json())
    return store.publish(run, written)


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path))


@pytest.mark.parametrize(
    ("first", "second", "moves"),
    [
        (("2013-10", 0), ("2013-11", 0), True),
        (("2013-11", 0), ("2013-10", 9), False),
        (("2013-10", 0), ("2013-10", 1), True),
        (("2013-10", 1), ("2013-10", 0), False),
        (("all", 9), ("2013-01", 0), True),
        (("2013-01", 0), ("all", 9), False),
        (("2013-01..2013-09", 0), ("2013-10", 0), True),
        (("2013-10", 0), ("2013-01..2013-09", 9), False),
        (("9", 0), ("10", 0), True),
        (("10", 0), ("9", 9), False),
        (("2013-9", 0), ("2013-10", 0), True),
    ],
)
def test_the_greatest_partition_wins_then_the_later_report(store, first, second, moves):
    assert published(store, report(*first))
    assert published(store, report(*second)) is moves
    assert store.latest("flights")["partition"] == (second if moves else first)[0]


def test_publishing_the_same_report_again_changes_nothing(store, tmp_path):
    published(store, report("2013-10"))
    before = (tmp_path / "flights" / "latest.json").stat().st_mtime_ns
    assert published(store, report("2013-10"))
    assert (tmp_path / "flights" / "latest.json").stat().st_mtime_ns == before


def test_a_new_revision_of_the_same_report_moves_it(store):
    published(store, report("2013-10"))
    assert published(store, report("2013-10", revision=2))
    assert store.latest("flights")["report"].endswith("/2013-10-0/report.r2.json")


def test_a_revision_that_was_withheld_hides_none_that_was_published(store):
    published(store, report("2013-10"))
    published(store, report("2013-10", hours=1, revision=2, state="withheld"))
    run = store.run("flights", "2013-10-0")
    assert run.read_report().revision == 2
    assert run.read_published().revision == 1
    assert store.run("flights", "2013-11-0").read_published() is None


def test_before_the_first_report_there_is_no_latest(store):
    assert store.latest("flights") is None


def test_runs_are_those_with_a_report_and_their_newest_revision_is_read(store):
    published(store, report("2013-10"))
    published(store, report("2013-10", revision=2))
    store.run("flights", "2013-11-0").write_text("manifest.json", "{}")
    store.name_folder("flights").write_text("baselines/abc/baseline.json", "{}")
    (run,) = store.runs("flights")
    assert (run.run_id, run.revisions(), run.read_report().revision) == ("2013-10-0", [1, 2], 2)
    assert run.read_report(1).revision == 1


@pytest.mark.parametrize(
    "place", ["flights", "flights/latest.json", "flights/2013-10-0", "flights/2013-10-0/report.json"]
)
def test_a_report_is_found_by_its_file_its_run_or_its_name(store, tmp_path, place):
    published(store, report("2013-10"))
    assert locate_report(str(tmp_path / place))[0].run_id == "2013-10-0"


@pytest.mark.parametrize("place", ["flights", "nothing/report.json", "flights/report.json"])
def test_a_report_that_is_not_there_is_one_line(tmp_path, place):
    with pytest.raises(ReportError, match="there is no"):
        locate_report(str(tmp_path / place))


def test_latest_is_never_half_written(store, tmp_path):
    published(store, report("2013-10"))
    assert store.name_folder("flights").names() == ["2013-10-0", "latest.json"]
    lock = ".latest.json.lock"
    assert sorted(path.name for path in Path(tmp_path / "flights").iterdir()) == [lock, "2013-10-0", "latest.json"]
    json.loads((tmp_path / "flights" / "latest.json").read_text())


@pytest.mark.parametrize(
    "changes", [{"state": "withheld"}, {"overrides": [{"field": "data.sample", "spec": None, "run": 500}]}]
)
def test_an_ad_hoc_or_withheld_report_never_becomes_the_latest(store, changes):
    assert not published(store, report("2013-12", 9, **changes))
    assert store.latest("flights") is None
    assert published(store, report("2013-10"))
    assert not published(store, report("2013-12", 9, **changes))
    assert store.latest("flights")["partition"] == "2013-10"


def test_a_run_folder_shows_its_official_report_whatever_trials_came_later(store):
    trial = {"overrides": [{"field": "validation.converged.at_least", "spec": 0.95, "run": 0.1}]}
    published(store, report("2013-10", 0, 1, **trial))
    run = store.run("flights", "2013-10-0")
    assert (run.read_report().revision, locate_report(run.uri)[1]) == (1, run.uri_of("report.json"))
    for revision, changes in ((2, {}), (3, trial), (4, trial)):
        published(store, report("2013-10", revision, revision, **changes))
    assert run.read_report().revision == 2
    assert locate_report(run.uri)[1] == run.uri_of("report.r2.json")
    assert run.read_report(4).revision == 4
    assert locate_report(run.uri_of("report.r3.json"))[0].revision == 3
