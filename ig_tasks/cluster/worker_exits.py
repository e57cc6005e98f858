"""Worker processes that ended by themselves: what they were at, how they ended, and what to do about it.

A model that does not fit into a worker, one whose code ends its process, and a shard that takes too much memory look
alike to Dask, which says that workers died. What helps differs.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["ENDED", "Doing", "WorkerExits", "died", "remedy"]

ENDED = "ig-tasks: the worker's process ended: "
"""What a nanny writes into its log, before the exit code of its worker's process (below zero: minus the signal)."""

Doing = Literal["loading", "trying", "computing"]
"""What a worker was at: loading the model, trying it on a few rows, or a shard."""

_OF_DASK = re.compile(r"^[\d-]{10} [\d:,]{12} - distributed\.")
_OVER_BUDGET = "memory budget"  # in what Dask's nanny writes when it ends a worker for its memory
_DIED: dict[Doing, str] = {
    "loading": "workers died one after the other while they loaded the model",
    "trying": "workers died one after the other while they tried the model on a few rows",
    "computing": "workers died one after the other while they computed it",
}


@dataclass(frozen=True)
class WorkerExits:
    """How the workers of a run ended, read off the logs of their nannies.

    codes: exit codes, below zero: minus the signal; over_budget: one was ended for its memory; said: the last line
    that a worker wrote itself.
    """

    codes: tuple[int, ...] = ()
    over_budget: bool = False
    last_line: str = ""

    @classmethod
    def of(cls, logs: Iterable[str]) -> Self:
        """What the workers' log lines say of how workers ended."""
        codes: set[int] = set()
        over_budget, last_line = False, ""
        for line in (line.strip() for log in logs for line in log.splitlines()):
            if line.startswith(ENDED):
                codes.add(int(line.removeprefix(ENDED)))
            elif _OF_DASK.match(line):
                over_budget = over_budget or _OVER_BUDGET in line
            elif line:
                last_line = line[:300]
        return cls(tuple(sorted(codes)), over_budget, last_line)

    @property
    def memory(self) -> bool:
        """Whether it was for memory, as far as one can tell: a system that has none left kills without a word."""
        return self.over_budget or -signal.SIGKILL in self.codes

    def words(self) -> list[str]:
        """What is known, in parts of a sentence."""
        quoted = [f"a worker wrote: {self.last_line}"] if self.last_line else []
        if self.over_budget:
            return ["one took more, and was ended", *quoted]
        return [*([f"one ended with {', '.join(_code(code) for code in self.codes)}"] if self.codes else []), *quoted]


def died(doing: Doing) -> str:
    """What happened: `workers died one after the other while they loaded the model`."""
    return _DIED[doing]


def remedy(doing: Doing, exits: WorkerExits, workers: int | None) -> str:
    """What helps; `workers`: how many the run started on this machine, None where they are somebody else's."""
    known = bool(exits.codes) or exits.over_budget
    if doing == "computing":
        if known and not exits.memory:
            return "it is not memory: code of the model or of a library ended the process on rows of this shard"
        return "make compute.shard_rows or compute.workers smaller"
    if not known:
        more = "give the workers more memory" if workers is None else _more(workers)
        return (
            "load and call the model alone (ig_tasks.load_model) to see whether its code ends the process; if it does "
            f"not, {more}"
        )
    if exits.memory:
        return f"the model takes more memory than a worker has, whatever compute.shard_rows is: {_more(workers)}"
    return (
        "it is not memory: code of the model or of a library ended the process; load and call the model alone "
        "(ig_tasks.load_model) to see where"
    )


def _more(workers: int | None) -> str:
    return "make compute.workers smaller" if (workers or 1) > 1 else "run it on a machine with more memory"


def _code(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
