"""Version skew names the package, both versions and the place."""

from __future__ import annotations

from typing import Any

from ig_tasks.cluster.versions import version_skew

PACKAGES = {
    "python": "3.11.2.final.0", "dask": "2026.8.0", "distributed": "2026.8.0", "cloudpickle": "3.1.2",
    "msgpack": "1.2.1", "ig-tasks": "0.1.0", "numpy": "2.4.6",
}  # fmt: skip


def versions(worker: dict[str, Any] | None = None, scheduler: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "client": {"packages": dict(PACKAGES)},
        "scheduler": {"packages": PACKAGES | (scheduler or {})},
        "workers": {"tcp://a:1": {"packages": dict(PACKAGES)}, "tcp://b:2": {"packages": PACKAGES | (worker or {})}},
    }


def test_equal_versions_are_no_skew() -> None:
    assert version_skew(versions()) == ""


def test_required_packages_are_named() -> None:
    skew = version_skew(versions(worker={"dask": "2026.1.0", "ig-tasks": None}))
    assert skew == "dask 2026.8.0 here, 2026.1.0 on a worker; ig-tasks 0.1.0 here, absent on a worker"
    assert version_skew(versions(scheduler={"distributed": "2026.7.0"})) == (
        "distributed 2026.8.0 here, 2026.7.0 on the scheduler"
    )


def test_the_interpreter_is_compared_by_its_minor_version() -> None:
    assert version_skew(versions(worker={"python": "3.11.9.final.0"})) == ""
    assert version_skew(versions(worker={"python": "3.12.1.final.0"})) == "python 3.11 here, 3.12 on a worker"


def test_other_packages_may_differ() -> None:
    assert version_skew(versions(worker={"numpy": "2.3.0"})) == ""


def test_the_scheduler_needs_no_ig_tasks() -> None:
    assert version_skew(versions(scheduler={"ig-tasks": None})) == ""


def test_a_source_tree_without_metadata_cannot_be_compared() -> None:
    answer = versions(worker={"ig-tasks": "9"})
    answer["client"]["packages"]["ig-tasks"] = None
    assert version_skew(answer) == ""


def test_a_worker_that_does_not_answer_is_skew() -> None:
    answer = versions()
    answer["workers"]["tcp://b:2"] = "OSError()"
    assert version_skew(answer).startswith("python 3.11 here, absent on a worker; dask 2026.8.0 here, absent")


def test_workers_of_one_run_have_one_version_of_a_framework_whatever_its_build() -> None:
    answer = versions(worker={"torch": "2.6.0+cu124"})
    answer["client"]["packages"]["torch"] = "1.0"  # no model runs there
    assert version_skew(answer) == ""  # the other worker has none
    answer["workers"]["tcp://a:1"]["packages"]["torch"] = "2.6.0+cpu"
    assert version_skew(answer) == ""
    answer["workers"]["tcp://a:1"]["packages"]["torch"] = "2.5.1"
    assert version_skew(answer) == "torch 2.5.1 on a worker, 2.6.0 on another"
