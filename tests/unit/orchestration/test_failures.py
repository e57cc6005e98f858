import logging

import pytest
from airflow.sdk import RetryAction

from ig_tasks.errors import (
    CheckBrokenError,
    DataError,
    ResourceError,
    TrustError,
    UnreachableError,
    ValidationFailedError,
    WorkerLostError,
)
from ig_tasks.orchestration.failures import StoppedError, plain_failures, retry_policy

LOG = logging.getLogger("test.failures")


def decision(error):
    return retry_policy().evaluate(error, try_number=1, max_tries=2).action


@pytest.mark.parametrize("error", [WorkerLostError("gone"), UnreachableError("no Dask scheduler answers")])
def test_lost_workers_and_a_scheduler_that_may_be_starting_again_are_tried_again(error):
    assert decision(error) is RetryAction.RETRY


@pytest.mark.parametrize(
    "error",
    [DataError("x"), TrustError("x"), ResourceError("no GPU"), ValidationFailedError("x"), StoppedError("x", 2)],
)
def test_mistakes_and_failed_checks_are_not(error):
    assert decision(error) is RetryAction.FAIL


@pytest.mark.parametrize("error", [ConnectionError("x"), CheckBrokenError("x"), SystemExit("killed")])
def test_everything_else_has_the_tries_that_the_task_has(error):
    assert decision(error) is RetryAction.DEFAULT


def test_a_mistake_is_one_line_in_the_log(caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(StoppedError) as stopped, plain_failures(LOG):
        raise DataError("data: no column 'x'\n2013 INFO all is well\x1b[2K")
    assert [record.getMessage() for record in caplog.records] == ["data: no column 'x' 2013 INFO all is well [2K"]
    assert caplog.records[0].exc_info is None
    assert stopped.value.code == 2
    assert str(stopped.value) == caplog.records[0].getMessage()


def test_a_failed_check_names_the_withheld_report_once(caplog):
    with pytest.raises(StoppedError) as stopped, plain_failures(LOG):
        raise ValidationFailedError("completeness failed", "/runs/report.json")
    assert str(stopped.value) == "completeness failed; the report is withheld, read it at /runs/report.json"
    assert stopped.value.code == 1
    with pytest.raises(StoppedError) as stopped, plain_failures(LOG):
        raise ValidationFailedError("failed, see /runs/report.json", "/runs/report.json")
    assert str(stopped.value) == "failed, see /runs/report.json"


@pytest.mark.parametrize("error", [WorkerLostError("gone"), UnreachableError("gone"), ValueError("a bug")])
def test_what_broke_keeps_its_traceback(error, caplog):
    with pytest.raises(type(error)) as raised, plain_failures(LOG):
        raise error
    assert raised.value is error
    assert not caplog.records
