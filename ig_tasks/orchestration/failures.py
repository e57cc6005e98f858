"""How a task fails: mistakes and failed checks at once and in one line, lost workers with another try."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

from ig_tasks.errors import UnreachableError, UserError, ValidationFailedError, WorkerLostError
from ig_tasks.spec.uris import without_secrets

__all__ = ["StoppedError", "one_line", "plain_failures", "retry_policy"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class StoppedError(SystemExit):
    """Fails a task for good, its reason already in the log.

    Airflow logs whatever leaves a task with the traceback of its own machinery, but not SystemExit. Someone
    who misspelt a column needs the one line that says so. The code is that of the command line (1 or 2), and
    `str()` is the line itself, for callbacks that send it on.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(code)
        self.message = message

    def __str__(self) -> str:
        return self.message


def retry_defaults() -> dict[str, Any]:
    """Defaults of every task that tries again what may pass by itself."""
    return {"retries": 2, "retry_delay": timedelta(seconds=30), "retry_policy": retry_policy()}


def retry_policy() -> ExceptionRetryPolicy:
    """Bad specs, bad input and failed checks fail at once; what else goes wrong has `retries` tries.

    The first rule that fits is taken: a scheduler that cannot be reached is no mistake, though a ResourceError.
    """
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception=UnreachableError,
                action=RetryAction.RETRY,
                reason="the scheduler or its workers may be starting again",
            ),
            RetryRule(
                exception=[StoppedError, UserError, ValidationFailedError],
                action=RetryAction.FAIL,
                reason="trying again would not help",
            ),
            RetryRule(
                exception=WorkerLostError,
                action=RetryAction.RETRY,
                reason="workers were lost; finished shards are kept",
            ),
        ]
    )


@contextmanager
def plain_failures(log: Any) -> Iterator[None]:
    """Turn a mistake or a failed check into one line in the log and a failed task.

    Raises:
        StoppedError: in place of UserError and ValidationFailedError, but for what another try may help.
        UnreachableError: as it was raised.
    """
    try:
        yield
    except UnreachableError:
        raise
    except UserError as error:
        message = one_line(str(error))
        code = error.exit_code
    except ValidationFailedError as error:
        names_report = error.report_uri in str(error)
        message = one_line(
            str(error) if names_report else f"{error}; the report is withheld, read it at {error.report_uri}"
        )
        code = error.exit_code
    else:
        return
    log.error("%s", message)
    raise StoppedError(message, code)


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, which could fake other lines of a log, and without secrets."""
    return without_secrets(_CONTROL.sub(" ", text).strip())
