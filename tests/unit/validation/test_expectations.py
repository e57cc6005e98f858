"""A check that broke is an error, a check that failed is an outcome, and outcomes of chunks add up."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ig_tasks.errors import CheckBrokenError
from ig_tasks.validation.expectations import Expected, Outcome, Suite

RANGE = Expected(name="range", column="number", severity="critical", minimum=0.0, maximum=1.0)
WORDS = Expected(name="words", column="word", severity="warning", allowed=("yes",), mostly=0.5)


@pytest.fixture(scope="module")
def suite():
    return Suite("some", [RANGE, WORDS])


def frame(numbers, words):
    return pd.DataFrame({"number": np.array(numbers, dtype=float), "word": pd.Series(words, dtype="str")})


def test_counts_of_what_fits_and_what_does_not(suite):
    found = suite.evaluate(frame([0.0, 1.0, 1.0000001, -0.1], ["yes", "no", "yes", "no"]))
    assert found == {"range": Outcome(4, 2, 0), "words": Outcome(4, 2, 0)}


def test_missing_values_are_counted_apart_and_infinite_ones_are_judged(suite):
    found = suite.evaluate(frame([np.nan, np.inf, 0.5], ["yes", None, "yes"]))
    assert found == {"range": Outcome(2, 1, 1), "words": Outcome(2, 0, 1)}


def test_booleans_can_be_expected():
    suite = Suite("bool", [Expected(name="flag", column="flag", severity="critical", allowed=(True,))])
    assert suite.evaluate(pd.DataFrame({"flag": [True, False, True]}))["flag"] == Outcome(3, 1, 0)


def test_an_empty_frame_has_nothing_to_judge(suite):
    found = suite.evaluate(frame([], []))
    assert found["range"] == Outcome(0, 0, 0)
    assert math.isnan(found["range"].share)


def test_chunks_add_up_by_rows_not_by_shares(suite):
    first = suite.evaluate(frame([2.0], ["yes"]))["range"]
    second = suite.evaluate(frame([0.5] * 9, ["yes"] * 9))["range"]
    assert (first + second).share == 0.9


def test_a_missing_column_is_a_broken_check_named_in_one_line(suite):
    with pytest.raises(CheckBrokenError, match="check words: could not be carried out") as broken:
        suite.evaluate(pd.DataFrame({"number": [0.5]}))
    assert "\n" not in str(broken.value)
    assert '"word"' in str(broken.value)


def test_values_that_cannot_be_compared_are_a_broken_check(suite):
    with pytest.raises(CheckBrokenError, match="check range: could not be carried out"):
        suite.evaluate(pd.DataFrame({"number": ["a", "b"], "word": ["yes", "yes"]}))


def test_an_expectation_that_is_refused_is_a_broken_check():
    with pytest.raises(CheckBrokenError, match="check odd"):
        Suite("refused", [Expected(name="odd", column="number", severity="critical", maximum=1.0, mostly=2.0)])


def test_a_broken_check_after_a_good_one_does_not_hide_it(suite):
    assert suite.evaluate(frame([0.5], ["yes"]))["range"].unexpected == 0
    with pytest.raises(CheckBrokenError):
        suite.evaluate(pd.DataFrame({"word": ["yes"]}))


def test_the_severity_reaches_great_expectations(suite):
    severities = {each.meta["check"]: each.severity.value for each in suite._suite.expectations}
    assert severities == {"range": "critical", "words": "warning"}


def test_nothing_is_printed_and_nobody_is_called(capfd, monkeypatch):
    import socket

    def refuse(*arguments):
        raise AssertionError(f"a connection to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    Suite("quiet", [RANGE]).evaluate(frame([0.5], ["yes"]))
    assert tuple(capfd.readouterr()) == ("", "")


def test_what_great_expectations_registers_is_not_told_and_its_warnings_are():
    """In a process of its own, since most of it is told at the first import; levels that someone set stay."""
    code = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s", stream=sys.stdout)
import pandas as pd
from ig_tasks.validation.expectations import Expected, Suite
log = logging.getLogger("great_expectations")
suite = Suite("rows", [Expected(name="check", column="value", severity="critical", minimum=0.0, maximum=1.0)])
suite.evaluate(pd.DataFrame({"value": [0.5]}))
assert log.level == logging.NOTSET
import great_expectations
great_expectations.ExpectationSuite.add_expectation = lambda suite, *given: log.getChild("core").warning("heard")
Suite("more", [Expected(name="check", column="value", severity="critical", minimum=0.0, maximum=1.0)])
log.setLevel(logging.ERROR)
Suite("quiet", [Expected(name="check", column="value", severity="critical", minimum=0.0, maximum=1.0)])
assert log.level == logging.ERROR
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["great_expectations.core WARNING heard"]
