"""Every error that ig-tasks raises on purpose.

IgTasksError
├── UserError                 something its reader can correct: one line, the field and the remedy (exit 2)
│   ├── SpecError             the specification
│   ├── ModelError            the model package, or the model in it
│   │   ├── TrustError        code from outside the project without `trust`
│   │   ├── LayerError        a layer that does not exist, or is not an embedding
│   │   └── TargetError       an output that the model does not have
│   ├── DataError             the data set, its columns
│   │   └── PartitionError    a partition that is absent
│   ├── InputError            arrays given to `explain`
│   ├── BaselineError         a baseline that cannot be fitted, or has the wrong shape
│   ├── ResourceError         workers or resources that nobody offers
│   │   └── UnreachableError  no scheduler answers, or no worker came: another try may help
│   ├── StoreError            a store that cannot be opened or written to
│   ├── ReportError           a report that is not there
│   └── QueryError            a question about rows that cannot be answered, or not in the time and room there is
├── RunError                  the run broke (exit 3)
│   ├── WorkerLostError       workers died; trying again may help
│   ├── DamagedError          a file of the store that is not what was written
│   └── CheckBrokenError      a check could not be carried out (not: data failed it)
└── ValidationFailedError     done, but a check of severity `critical` failed (exit 1)

Messages are one line. Every error survives pickling, since it may cross from a Dask worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BaselineError",
    "CheckBrokenError",
    "DamagedError",
    "DataError",
    "IgTasksError",
    "InputError",
    "LayerError",
    "ModelError",
    "PartitionError",
    "QueryError",
    "ReportError",
    "ResourceError",
    "RunError",
    "SpecError",
    "StoreError",
    "TargetError",
    "TrustError",
    "UnreachableError",
    "UserError",
    "ValidationFailedError",
    "WorkerLostError",
    "brief",
    "suggest",
]

_BRIEF = 300  # characters


class IgTasksError(Exception):
    """Base of every error that ig-tasks raises on purpose."""

    exit_code = 3


class UserError(IgTasksError):
    """Something that the person who wrote the spec, the package or the call can correct."""

    exit_code = 2


class SpecError(UserError):
    """The specification does not say what it should."""


class ModelError(UserError):
    """The model package, or the model in it, cannot be used."""


class TrustError(ModelError):
    """Code from outside the project would run, and the spec does not trust it."""


class LayerError(ModelError):
    """A layer that the model does not have, or in whose output no path can run."""


class TargetError(ModelError):
    """An output that the model does not have."""


class DataError(UserError):
    """The data set, or a column of it."""


class PartitionError(DataError):
    """A partition that the data set does not have."""


class InputError(UserError):
    """Arrays of a shape, a type or a name that the model does not take."""


class BaselineError(UserError):
    """A baseline that cannot be fitted or does not fit the inputs."""


class ResourceError(UserError):
    """Workers, or a resource of theirs, that no one offers."""


class UnreachableError(ResourceError):
    """No scheduler answers, or none of its workers came: perhaps both are being started again."""


class StoreError(UserError):
    """A store of a kind that is not installed, or a place that cannot be written to."""


class ReportError(UserError):
    """A report or a run that is not in the store."""


class QueryError(UserError):
    """A question about a run's rows that cannot be answered, or not in the time and room that one question has."""


class RunError(IgTasksError):
    """The run broke."""


class WorkerLostError(RunError):
    """Workers or connections were lost; the run goes on where it stopped when tried again."""


class DamagedError(RunError):
    """A file of the store is not what was written; run again, and it is set aside and made again."""


class CheckBrokenError(RunError):
    """A check could not be carried out, which says nothing about the data."""


class ValidationFailedError(IgTasksError):
    """A check of severity `critical` failed: the report is withheld.

    `args` is `(message, report_uri)`: the withheld report is there to be read.
    """

    exit_code = 1

    def __init__(self, message: str, report_uri: str = "") -> None:
        super().__init__(message, report_uri)

    @property
    def report_uri(self) -> str:
        """Where the withheld report is; "" if there is no report yet."""
        return str(self.args[1])

    def __str__(self) -> str:
        return str(self.args[0])


def brief(error: BaseException) -> str:
    """The first line of another library's error, at most 300 characters; its class where it has no message.

    >>> brief(ValueError("no such table\\n  at line 3")), brief(MemoryError())
    ('no such table', 'MemoryError')
    """
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)[:_BRIEF]


def named(error: BaseException) -> str:
    """The class of another library's error and its first line.

    >>> named(ValueError("no such table")), named(MemoryError())
    ('ValueError: no such table', 'MemoryError')
    """
    message, name = brief(error), type(error).__name__
    return name if message == name else f"{name}: {message}"


def suggest(name: str, known: Iterable[str], *, noun: str = "names", limit: int = 20) -> str:
    """The tail of a message about an unknown name: the nearest known one, then those there are.

    >>> suggest("carier", ["carrier", "origin"], noun="columns")
    "; did you mean 'carrier'? columns: carrier, origin"
    """
    names = [str(item) for item in known]
    # Upper and lower case are mixed up more often than anything else.
    plain = {item.casefold(): item for item in reversed(names)}
    near = [plain[item] for item in get_close_matches(str(name).casefold(), plain, n=1, cutoff=0.6)]
    listed = ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    return f"{hint} {noun}: {listed}" if names else f"; there are no {noun}"
