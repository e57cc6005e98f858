"""Errors form one hierarchy, carry their exit code, and survive the way from a worker."""

import inspect
import pickle

import pytest

from ig_tasks import errors

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.IgTasksError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_public_drawn_in_the_tree_and_survives_pickling(kind):
    assert kind.__name__ in errors.__all__
    assert kind.__name__ in (errors.__doc__ or "")
    again = pickle.loads(pickle.dumps(kind("one line")))
    assert (type(again), str(again)) == (kind, "one line")


def test_exit_codes_tell_mistakes_failed_checks_and_broken_runs_apart():
    codes = {kind: kind.exit_code for kind in KINDS}
    assert codes[errors.SpecError] == codes[errors.TrustError] == codes[errors.ResourceError] == 2
    assert codes[errors.ValidationFailedError] == 1
    assert codes[errors.RunError] == codes[errors.CheckBrokenError] == codes[errors.WorkerLostError] == 3


def test_a_failed_validation_keeps_the_report_it_names():
    again = pickle.loads(pickle.dumps(errors.ValidationFailedError("withheld", "/runs/report.json")))
    assert (str(again), again.report_uri) == ("withheld", "/runs/report.json")


def test_a_suggestion_names_the_nearest_and_lists_what_there_is():
    assert errors.suggest("carier", ["carrier", "origin"], noun="columns") == (
        "; did you mean 'carrier'? columns: carrier, origin"
    )
    assert errors.suggest("distance", ["A", "DISTANCE"]).startswith("; did you mean 'DISTANCE'?")
    assert errors.suggest("a", ["A", "bb"]).startswith("; did you mean 'A'?")
    assert errors.suggest("zzz", ["carrier"], noun="columns") == "; columns: carrier"
    assert errors.suggest("x", [], noun="layers") == "; there are no layers"
    assert errors.suggest("zzz", [str(n) for n in range(25)], limit=2) == "; names: 0, 1 and 23 more"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such table\n  at line 3"), "no such table"),
        (OSError("\n\n  disk is full  \n"), "disk is full"),
        (MemoryError(), "MemoryError"),
        (AssertionError(" \n "), "AssertionError"),
        (ValueError("x" * 400), "x" * 300),
    ],
)
def test_an_error_in_one_line(error: Exception, line: str) -> None:
    assert errors.brief(error) == line
